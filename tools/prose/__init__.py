"""Checks the English of documents, code and pages: habits that make a reader go back, long sentences, words."""
