"""What can be read from columns: a query about days, a scope and filters, and the keys of its groups."""
