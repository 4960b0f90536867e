"""What the home page shows besides the stats: the next milestone, and where people are."""
