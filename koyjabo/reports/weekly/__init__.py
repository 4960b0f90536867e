"""The weekly report by mail."""
