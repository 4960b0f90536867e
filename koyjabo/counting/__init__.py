"""The core: visits, the ledger that numbers them, and the live stats derived from it. Read this package first."""
