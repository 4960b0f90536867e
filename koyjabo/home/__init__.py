"""Parts of the home page besides the stats: the next milestone, and the places of people."""
