"""The live feed of the panel: the newest visits, the last hour by minute, and the present locations of visitors."""
