"""The steps of a new site, shown to its admins until each is done or skipped."""
