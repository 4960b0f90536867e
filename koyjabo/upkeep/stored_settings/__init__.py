"""The settings that admins change on the page Server or with `koyjabo settings`. They are stored in the database, and
apply on all workers and servers without a restart.
"""
