"""HTTP on the event loop."""
