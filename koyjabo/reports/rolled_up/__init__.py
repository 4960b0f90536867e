"""Writes a day's sums when it is rolled up, and answers questions about rolled-up days."""
