"""Forms on the page Server that other features save."""

FORM_ENDPOINTS: dict[str, str] = {}
"""The endpoints that save forms, by form. The page shows such a form only if it has an endpoint."""
