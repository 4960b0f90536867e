"""What users do with all that belongs to their account: see it, export it, delete it."""
