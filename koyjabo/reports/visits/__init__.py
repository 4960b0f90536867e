"""The list of all visits: search and export. Begin with `visit_list.py`."""
