"""Community rooms: participants, dashboards, and the removal of participants who lose their permission."""
