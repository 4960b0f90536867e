"""/admin/data: exports, imports, backups, retention, erasure, recount, and the total."""
