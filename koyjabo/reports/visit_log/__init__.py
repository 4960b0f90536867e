"""The log of visits: search, export and import."""
