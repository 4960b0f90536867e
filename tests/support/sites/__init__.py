"""Sites with content: something in every table, exports of other programs, backups."""
