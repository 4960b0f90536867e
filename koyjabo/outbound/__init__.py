"""Calls other servers over HTTP: on real threads, within limits, and only at addresses that were checked."""
