"""Active visitors of each scope, by location: visitors seen within ACTIVE_WINDOW_SECONDS."""
