"""Processes: the parent, its workers, and the event loop they run."""
