"""The rooms of communities: their participants, the dashboards, and the eviction after a permission is revoked."""
