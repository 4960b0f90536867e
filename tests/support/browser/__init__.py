"""A real browser, the pages of the product in it, and those of sites that embed its client."""
