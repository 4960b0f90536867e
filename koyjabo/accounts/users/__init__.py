"""Changes to users by admins and operators, the first admin, and users of other systems."""
