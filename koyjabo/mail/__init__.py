"""Emails: their texts, the outbox in the database, and delivery by SMTP. Off without SMTP_URL."""
