"""What is measured in one run: a load on a server, broadcasts to its clients, what these received."""
