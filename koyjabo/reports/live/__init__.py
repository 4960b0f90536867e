"""Answers queries about stored rows, from sums that are kept up to date with the log."""
