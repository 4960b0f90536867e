"""What is measured: servers, other versions of them, their databases, and what is in these."""
