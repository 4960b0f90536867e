"""The panel's live feed: the latest visits, the last hour by minute, and the locations of active visitors."""
