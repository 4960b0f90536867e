"""The queries that reports answer: their parameters, ranges and dimensions."""
