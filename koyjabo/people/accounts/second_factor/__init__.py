"""Two-step login: authenticator apps (TOTP, RFC 6238), recovery codes and passkeys (WebAuthn)."""
