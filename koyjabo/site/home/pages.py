"""GET /: the site's stats and activity. GET /offline: the page shown without a network."""

from flask import Response, jsonify, render_template

from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.anonymity import Anonymity
from koyjabo.web.assets.asset_tags import APP_ICONS
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.i18n import language, site_name
from .home_view import home_view

bp = pages_blueprint("home")


@bp.get("/")
def index() -> str:
    """Show the page with the current values. Its scripts update them."""
    services = current()
    return render_template(
        "home/home.html",
        view=home_view(),
        app_url=services[Settings].app_url,
        sentence=services[Settings].sentence_in(language()),
        has_default_name=services[Settings].has_default_name,
        attributions=services[LocationFinder].attributions,
        honours_signals=services[Anonymity].honours_headers(),
    )


@bp.get("/manifest.webmanifest")
def manifest() -> Response:
    """The facts that a browser needs to install the site as an app."""
    name = site_name()
    response = jsonify(
        name=name,
        short_name=name,
        description=current()[Settings].sentence_in(language()),
        start_url="/",
        display="standalone",
        theme_color=current()[Settings].palette.ground.light,
        background_color="#f6f8f7",
        icons=[{"src": path, **icon} for path, icon in APP_ICONS.items()],
    )
    response.mimetype = "application/manifest+json"
    return response


@bp.get("/offline")
def offline() -> str:
    return render_template("home/offline.html")
