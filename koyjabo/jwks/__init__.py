"""Public keys that other servers sign tokens with (RFC 7517)."""
