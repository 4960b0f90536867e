"""Sets of public keys with which other servers sign tokens (RFC 7517)."""
