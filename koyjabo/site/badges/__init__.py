"""Badges and iframes that show a number on other sites, and the HTML to paste into a page."""
