"""Forms, and confirmation of destructive actions."""
