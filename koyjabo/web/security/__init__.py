"""Authentication and rate limits: tokens, cookies, logins, CSRF."""
