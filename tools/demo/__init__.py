"""The demo: simulated visitors for a development server. Run it with `make demo`.

Visitors are clients like any other, in a process of their own. On an empty database the demo first writes some months
of visits (`history`).
"""
