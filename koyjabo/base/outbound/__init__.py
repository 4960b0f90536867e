"""Calls other servers over HTTP, on real threads, with limits, and only at checked addresses."""
