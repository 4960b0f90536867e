"""The receipt of the total: what makes it up, line by line, so that anyone can add it up (specification: Receipt)."""
