"""Recounts the ledger: compares all derived tables with the visits, and repairs them. Also sets the total by hand."""
