"""Share links: each shows the reports of some visits to everyone who has it."""
