"""The recount of the ledger: compares all derived tables with the visits and repairs them. Sets the total by hand."""
