"""Code shared by the API, pages and commands of all features: requests and responses, limits, logins, forms and pages.
Imports no feature.
"""
