"""API calls for communities and their members, including messages and calls that use another system's ids."""
