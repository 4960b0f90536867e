"""The demo: simulated visitors for a development server. Run it with `make demo`.

Visitors are ordinary clients in a separate process. On an empty database, the demo first writes several months of
visits (`history`).
"""
