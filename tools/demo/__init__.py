"""`make demo`: past and live visits for a development server. Visitors are ordinary clients in a separate process."""
