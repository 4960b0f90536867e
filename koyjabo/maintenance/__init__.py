"""Retention, erasure, backup, recount and repair of the ledger, and the status of the system."""
