"""Exact reports of visits, page views and events by dimension, for the site and for each community."""
