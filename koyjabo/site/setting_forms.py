"""Forms on the page Server that other features save."""

from collections.abc import Callable
from typing import Any

FORM_ENDPOINTS: dict[str, str] = {}
"""The endpoints that save forms, by form. The page shows such a form only if it has an endpoint."""

FORM_PAGES: list[Callable[[int, Any, str], Any]] = []
"""Returns the page with a form that was refused, given the status, the form with its errors, and its row."""
