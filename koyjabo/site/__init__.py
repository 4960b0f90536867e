"""The site area serves the home page, the panel and the badges, and connects them to the features. Begin with
`home/pages.py` and `panel/overview.py`.
"""
