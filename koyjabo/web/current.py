"""What every route needs: blueprints for the API, pages and the panel, and the services of the application that handles
the current request.
"""

from flask import Blueprint, Flask, current_app

from koyjabo.base.core.services import Services
from koyjabo.web.http.responses import private

api = Blueprint("api", __name__, url_prefix="/api")
pages = Blueprint("pages", __name__)
pages.after_request(private)
admin = Blueprint("admin", __name__, url_prefix="/admin")


EXTENSION = "koyjabo"


def current() -> Services:
    return services_of(current_app)


def services_of(app: Flask) -> Services:
    services: Services = app.extensions[EXTENSION]
    return services
