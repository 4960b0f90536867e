"""Changes of users by admins and operators, the first admin, and people of other systems."""
