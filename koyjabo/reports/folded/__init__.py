"""Sums of days whose visits and events are folded: written when a day is folded, and the second source of reports."""
