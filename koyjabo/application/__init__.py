"""The composition root: builds the services and joins them."""
