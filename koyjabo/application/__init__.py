"""The composition root: builds the services and connects their event handlers."""
