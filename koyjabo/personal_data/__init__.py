"""One's own account: change it, export all that is stored about it, delete it."""
