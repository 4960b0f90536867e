"""Programs that tests start: forked or anew, what they leave behind, and how they end."""
