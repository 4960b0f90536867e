"""HTTP on the event loop: connections, and stricter parsing than eventlet's."""
