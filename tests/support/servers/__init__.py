"""The product's server in processes of its own, and other servers beside it: nginx and a mail server."""
