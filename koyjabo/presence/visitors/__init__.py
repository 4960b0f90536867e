"""The active visitors of each scope, by location: those seen within ACTIVE_WINDOW_SECONDS."""
