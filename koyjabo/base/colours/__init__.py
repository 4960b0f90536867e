"""Derives the colours of pages, badges, mails and pictures from the one colour that an owner chooses. Begin with
`palette.py`.
"""
