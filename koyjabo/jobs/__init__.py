"""Long work: how one worker of all servers begins it, how the others see that it goes on, and how it ends."""
