"""Checks the English of documents, code and pages: habits that force a reader to go back, long sentences, and the
number of words.
"""
