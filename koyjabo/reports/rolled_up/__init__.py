"""Writes the sums of a day when it is rolled up, and answers questions about rolled-up days."""
