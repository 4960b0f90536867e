"""Accepts tokens from another system whose users have no account here (specification: Tokens of other systems)."""
