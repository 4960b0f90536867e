"""The bodies of requests and responses about visits, shared by the API of counting and other packages."""
