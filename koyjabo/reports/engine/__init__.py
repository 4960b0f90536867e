"""Answers reports."""
