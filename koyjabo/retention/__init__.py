"""What is kept of a visit: old ones are rolled up every night, and a visitor is erased on request."""
