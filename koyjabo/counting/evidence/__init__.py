"""Evidence that a person was there: attended time, inputs, automation, networks and own visits."""
