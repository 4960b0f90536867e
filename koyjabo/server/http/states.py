"""The states of an HTTP connection."""

from __future__ import annotations

IDLE, READING, ANSWERING, DISCARDING, LINGERING, GONE = range(6)
"""Waits for a request; for the rest of one; for its answer; for the rest of a body that was answered already; for the
end of the client's data, after the last answer. GONE: it is closed, or was taken over."""
