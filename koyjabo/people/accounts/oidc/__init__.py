"""Logins with OpenID providers, through the code flow with PKCE (OpenID Connect Core 1.0; RFC 9700)."""
