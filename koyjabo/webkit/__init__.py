"""What the API, pages and commands of all features share: requests and responses, limits, logins, forms and pages.
Imports no feature.
"""
