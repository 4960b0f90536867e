"""What pages of communities and of the panel share."""
