"""The steps for setting up a new site, shown to admins until each is done or hidden."""
