"""The promises of the server as live measurements, for everybody: /status, /api/status, and a badge (specification:
Status).
"""
