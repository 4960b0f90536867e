"""What every part speaks of: errors, the clock, identities, texts."""
