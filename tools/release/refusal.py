"""The error that stops a release."""

from __future__ import annotations


class Refusal(Exception):
    """The message explains what to do first."""
