"""Who may: tokens and cookies, logging in, rate limits."""
