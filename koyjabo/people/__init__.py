"""This area manages people: their accounts and logins, their emails, and the audit log of what they changed. Begin
with `accounts/users/accounts.py`.
"""
