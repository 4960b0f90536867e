"""Base gives the other areas errors, time, settings, the database, messages between workers, and calls to other
servers. Begin with `core/errors.py` and `database/executor.py`.
"""
