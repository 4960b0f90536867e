"""Alerts that are sent without a request: unusual traffic, and changed checks of Health."""
