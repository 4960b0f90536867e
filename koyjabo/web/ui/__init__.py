"""What pages are made of: forms, pagination, flash messages, languages."""
