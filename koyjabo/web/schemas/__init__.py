"""Models of request bodies, and their fields."""
