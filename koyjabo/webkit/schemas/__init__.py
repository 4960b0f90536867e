"""Bodies of requests as models, and their fields."""
