"""What must hold of ledgers, responses and pages in any test."""
