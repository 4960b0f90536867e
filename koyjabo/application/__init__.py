"""The composition root: builds the services and subscribes their event handlers."""
