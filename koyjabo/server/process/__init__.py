"""Processes: the parent, its workers, and the loader from which they are forked."""
