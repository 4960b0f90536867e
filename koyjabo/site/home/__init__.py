"""The home page: the stats, the pace of visits, the next milestone, and the visitors' locations."""
