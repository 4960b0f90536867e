"""The reports of a community."""
