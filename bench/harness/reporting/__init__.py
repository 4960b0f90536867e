"""What a benchmark prints: the machine, tables, ratios beside targets."""
