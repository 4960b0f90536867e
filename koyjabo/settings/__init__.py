"""Configuration: the settings and their checks, secrets, and the URL of the database."""
