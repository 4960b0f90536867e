"""The panel's live feed: the newest visits, the last hour by minute, and the locations of active visitors."""
