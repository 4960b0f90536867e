"""Answers questions about stored rows, with sums that follow the log."""
