"""The questions that reports answer: parameters, ranges, dimensions."""
