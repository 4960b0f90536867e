"""Changes of users by admins and operators, the first admin, and users of other systems."""
