"""What goes wrong on purpose: clocks, disks, processes that fail, and input that nobody expects."""
