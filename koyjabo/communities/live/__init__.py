"""The rooms of communities: their participants, the dashboards, and removal after a permission is revoked."""
