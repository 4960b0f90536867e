"""The core: visits, the ledger that numbers them, and the live statistics derived from it. Read this package first."""
