"""The product's server in its own processes, and servers it works with: nginx, a mail server and others."""
