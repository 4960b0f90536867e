"""What is asked of reports: parameters, ranges, dimensions."""
