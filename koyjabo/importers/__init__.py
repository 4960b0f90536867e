"""Imports from other counters. Their exports become visits, or daily sums that are added to the total."""
