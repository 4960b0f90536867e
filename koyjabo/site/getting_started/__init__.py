"""The steps for setting up a new site, shown to admins until they are done or hidden."""
