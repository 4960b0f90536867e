"""The pages of share links: those that manage them, and those that readers see."""
