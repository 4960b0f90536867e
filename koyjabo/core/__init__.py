"""The vocabulary of all packages: errors, the clock, identities, texts."""
