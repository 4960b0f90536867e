"""The dimensions of visits, and the parser that reads their values from rows."""
