"""Who is active on the site: visitors seen within ACTIVE_WINDOW_SECONDS, by place."""
