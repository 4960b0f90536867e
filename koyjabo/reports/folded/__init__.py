"""Writes the sums of a day when it is folded, and answers questions about folded days."""
