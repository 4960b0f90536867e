"""Public keys of other servers that sign tokens (RFC 7517)."""
