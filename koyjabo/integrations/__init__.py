"""This room connects other programs: webhooks notify them, API keys let them make calls, and trusted tokens let their
users connect. Begin with `webhooks/sender.py`.
"""
