"""The basics that all packages share: errors, the clock, identities, and rules for texts."""
