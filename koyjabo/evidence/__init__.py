"""Whether anybody was there: attended time, inputs, automation, networks and own visits."""
