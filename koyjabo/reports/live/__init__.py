"""Answers about all rows that are there: sums of questions, which follow the log."""
