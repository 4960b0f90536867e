"""Checks the English of documents, code, pages and test names: habits that force a reader to go back, long sentences,
and the number of words.
"""
