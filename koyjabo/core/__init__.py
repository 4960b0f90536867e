"""The vocabulary that all packages share: errors, the clock, identities, texts."""
