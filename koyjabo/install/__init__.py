"""/install: what to paste into a page."""
