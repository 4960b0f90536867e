"""Data that other people made, from packages that are installed for development only."""
