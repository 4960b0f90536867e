"""Long-running work on a single worker across all servers: how it begins and ends, and how other workers see its
progress.
"""
