"""The rooms of communities: participants, dashboards, and removing participants who lose their permission."""
