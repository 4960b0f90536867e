"""Numbers for pages of other sites: badges, a frame, and /install, which says how to get them."""
