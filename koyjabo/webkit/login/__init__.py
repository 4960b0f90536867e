"""Who sends a request: tokens, cookies, CSRF."""
