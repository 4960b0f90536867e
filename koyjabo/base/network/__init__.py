"""Facts that the server learns about a client: its address, origin, location and browser, whether it is a crawler, and
its rate limits.
"""
