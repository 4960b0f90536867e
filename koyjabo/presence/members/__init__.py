"""Who is online in a community: people with at least one open connection, and their peaks."""
