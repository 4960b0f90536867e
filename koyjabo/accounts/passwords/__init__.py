"""Password hashes, and the queue that computes them."""
