"""A real browser, the product's pages in it, and pages of sites that embed the client."""
