"""Forms on the page Server that other features save."""

from collections.abc import Callable
from typing import Any

FORM_ENDPOINTS: dict[str, str] = {}
"""The endpoints that save forms, by form. The page shows such a form only if it has an endpoint."""

STEP_PAGES: dict[str, Callable[[int, Any], Any]] = {}
"""Functions by step that return the page with the step's form, given the status and the form with its errors, or None
once the step is over.
"""
