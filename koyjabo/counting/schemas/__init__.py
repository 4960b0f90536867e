"""The bodies of requests and responses about visits, for the API of counting and for other doors that have them."""
