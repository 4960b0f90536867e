"""API calls for accounts."""
