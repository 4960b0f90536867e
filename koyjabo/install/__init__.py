"""/install: the HTML to paste into a page."""
