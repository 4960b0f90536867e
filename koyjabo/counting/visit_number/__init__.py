"""The page and the picture of a visit's own number, for everyone who has its link."""
