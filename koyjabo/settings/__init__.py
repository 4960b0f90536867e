"""Configuration: the settings and their validation, secrets, and the URL of the database."""
