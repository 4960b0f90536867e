"""Output of a benchmark: the machine, tables, and ratios with targets."""
