"""Logins with OpenID providers, by the code flow with PKCE (OpenID Connect Core 1.0; RFC 9700)."""
