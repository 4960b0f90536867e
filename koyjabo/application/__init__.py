"""The application adds all features to a Flask application, and registers them in order. Begin with `features.py`."""
