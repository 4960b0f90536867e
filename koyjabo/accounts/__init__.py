"""People and their sessions: accounts, passwords, tokens, logins and their limits."""
