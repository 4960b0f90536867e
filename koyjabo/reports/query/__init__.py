"""The questions that reports answer: their parameters, ranges and dimensions."""
