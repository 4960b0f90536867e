"""The receipt for the total: the parts that add up to it, visible to everyone (specification: Receipt)."""
