"""Long-running work: how one worker of all servers begins it, how the others see its progress, and how it ends."""
