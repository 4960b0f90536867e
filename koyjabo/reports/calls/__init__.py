"""The API's calls for reports, wherever reports are available. Begin with `places.py`."""
