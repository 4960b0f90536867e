"""The only SQL of the package. `ledger.Ledger` is the door; everything else here stands behind it."""
