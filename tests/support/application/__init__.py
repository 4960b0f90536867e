"""The application in this process: sites, the workers of one, and what is shared to open them quickly."""
