"""All visits and events that have rows, as columns: blocks that the database keeps packed, and the newest rows."""
