"""Imports exports from other counters, as visits or as daily sums that are added to the total."""
