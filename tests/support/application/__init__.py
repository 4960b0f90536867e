"""The application in this process: sites, their workers, and what tests share to open them quickly."""
