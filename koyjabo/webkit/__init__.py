"""Shared by the API, pages and CLI of all features: requests and responses, limits, logins, forms and pages. Imports no
feature.
"""
