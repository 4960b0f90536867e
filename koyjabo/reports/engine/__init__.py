"""Answers reports: one snapshot of the database, sources of one shape, and each kind of answer once on top of them."""
