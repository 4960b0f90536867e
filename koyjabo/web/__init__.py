"""The web area reads requests and writes responses for the API, pages and commands of all features: forms, pages,
limits, logins and OpenAPI. It imports no feature. Begin with `fast_path/fast_path.py`.
"""
