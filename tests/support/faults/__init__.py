"""Faults: shifted clocks, slow disks, failing processes, and unexpected input."""
