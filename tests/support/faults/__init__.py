"""What goes wrong on purpose: clocks, disks, processes that fail, and unexpected input."""
