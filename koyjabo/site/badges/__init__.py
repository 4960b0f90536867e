"""Badges and iframes that show a number on other sites."""
