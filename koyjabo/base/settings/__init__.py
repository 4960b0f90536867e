"""Configuration: settings and their validation, secrets, and the database URL."""
