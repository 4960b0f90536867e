"""Changes to users by admins and operators, the first admin, invitations, and users of other systems."""
