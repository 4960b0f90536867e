"""The navigation of the panel, and its own pages."""
