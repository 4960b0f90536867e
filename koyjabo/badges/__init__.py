"""Numbers for pages of other sites: badges and a frame."""
