"""The services of the application that handles the current request."""

from flask import Flask, current_app

from koyjabo.base.core.services import Services

EXTENSION = "koyjabo"


def current() -> Services:
    return services_of(current_app)


def services_of(app: Flask) -> Services:
    services: Services = app.extensions[EXTENSION]
    return services
