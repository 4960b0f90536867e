"""Communities, their members, roles and permissions."""
