"""The same transaction as many would write it in Django, on the product's tables in PostgreSQL."""
