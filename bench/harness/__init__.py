"""What the benchmarks share: processes on their own cores, load, fresh databases, tables."""
