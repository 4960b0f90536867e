"""Long-running work on one worker of all servers: how it begins and ends, and how other workers see its progress."""
