"""Retention, erasure, backup, recount and repair: what keeps the ledger small, lawful and right."""
