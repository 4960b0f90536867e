"""The receipt of the total: what it is made of, line by line, so that anyone can add it up (specification: Receipt)."""
