"""How pages show visits, and the filters of the list. Begin with `filters.py`."""
