"""What every HTTP response goes through: middleware, errors, headers, static files."""
