"""Recounts of the ledger: compare all derived tables with the visits and repair them. Also sets the total by hand."""
