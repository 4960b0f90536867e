"""A crowd to look at: people who come and go on a development server, as they would on a day in Dhaka.

They are clients like any other, in a program of their own. Only what has been before they came is written into the
database (`history`).
"""
