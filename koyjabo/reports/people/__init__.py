"""Reports about people and visits of a community or the site."""
