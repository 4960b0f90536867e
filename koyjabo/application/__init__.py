"""The application builds all services in order and connects their event handlers. Begin with `assembly.py`."""
