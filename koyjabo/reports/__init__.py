"""Reports count visits, page views and events exactly, by dimension, for the site and for each community, and
`visit_log` lists the visits themselves. Begin with `engine/insights.py`.
"""
