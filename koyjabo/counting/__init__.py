"""The heart: visits, the ledger that numbers them, and the live numbers derived from it. Read this first."""
