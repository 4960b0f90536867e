"""Programs that tests start, what they leave behind, and how they end."""
