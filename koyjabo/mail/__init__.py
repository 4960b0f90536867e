"""Mails: their texts, the outbox in the database, and the delivery by SMTP. Without SMTP_URL there are none."""
