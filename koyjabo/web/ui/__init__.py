"""Components of pages: forms, pagination, flash messages, languages."""
