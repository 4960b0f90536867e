"""Emails: their texts, the outbox in the database, and delivery by SMTP. Without SMTP_URL, no emails are sent."""
