"""/install: the lines to paste into a page."""
