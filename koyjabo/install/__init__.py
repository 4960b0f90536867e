"""/install: what to paste into a page, and whether an address has it and its policy allows it."""
