"""Second factors: authenticator apps (TOTP, RFC 6238), recovery codes and passkeys (WebAuthn)."""
