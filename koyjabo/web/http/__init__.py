"""The layers that every HTTP request passes: middleware, errors, headers and static files."""
