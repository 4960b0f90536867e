"""Reports count visits, page views and events exactly, by dimension, for the site and for each community, and
`visits` lists the visits themselves. Begin with `engine/insights.py`.
"""
