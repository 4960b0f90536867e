"""Imports from other counters: their exports become visits, or sums by day that are added to the total."""
