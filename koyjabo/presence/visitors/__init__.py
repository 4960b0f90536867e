"""The active visitors of each scope by place: those seen within ACTIVE_WINDOW_SECONDS."""
