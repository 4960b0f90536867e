"""/badge.svg and /badge.json: a number of the site as an image or for shields.io (specification: Badges)."""
