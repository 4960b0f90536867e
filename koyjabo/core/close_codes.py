"""Close codes of WebSockets (specification: Credentials; docs/realtime.md has the table)."""

NORMAL, GOING_AWAY, NOT_SAID, ABUSE, UNEXPECTED, TOO_MANY = 1000, 1001, 1005, 1008, 1011, 1013
NO_CREDENTIALS, INVALID_TOKEN, FORBIDDEN, EXPIRED = 4001, 4002, 4003, 4004

CLEAN_CLOSES = (NORMAL, NOT_SAID)
"""The client left on purpose. After any other code it may reconnect in a moment (specification: promise 4)."""
