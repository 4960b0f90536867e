"""Online members: the people with at least one open connection to a community, and their daily peaks."""
