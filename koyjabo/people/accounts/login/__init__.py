"""Login, signup and two-step login, for the API and for pages."""
