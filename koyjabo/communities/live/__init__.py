"""The rooms of a community: who is in them, the dashboard, and what happens when a permission is revoked."""
