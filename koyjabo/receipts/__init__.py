"""The receipt of the total: the parts that add up to it, for everyone (specification: Receipt)."""
