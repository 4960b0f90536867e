"""Numbers for pages on other sites: badges and an iframe."""
