"""Communities have members with roles and permissions, and rooms that show who is online. Begin with
`communities.py`.
"""
