"""Calls other servers over HTTP, on real threads and within limits, and only at checked addresses."""
