"""Sites with content: something in every table, exports from other programs, backups."""
