"""The rooms of communities: their participants, the dashboards, and the removal of participants whose permission is
revoked.
"""
