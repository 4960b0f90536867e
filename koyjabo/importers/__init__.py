"""Imports from other counters: their exports become visits, or daily sums that are added to the total."""
