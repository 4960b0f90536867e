"""Processes: the parent, its workers, and the loader that forks the workers."""
