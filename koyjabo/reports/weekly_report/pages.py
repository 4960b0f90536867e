"""The subscription on the account's page."""

from flask import Response, request

from koyjabo.base.core.i18n import N_
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.login import page_login
from koyjabo.web.pages.flash import done
from koyjabo.web.pages.page_parts import PagePart
from .weekly_report import WeeklyReport

bp = pages_blueprint("weekly_report")


@bp.post("/account/mails")
def choose_mails() -> Response:
    current()[WeeklyReport].subscribe(page_login.require(), "weekly_report" in request.form)
    return done(N_("Your changes were saved."), "pages_personal_data.account")


SUBSCRIPTION_PARTS = {
    "weekly_report/subscription.html": PagePart(
        "account_emails", lambda: {"is_on": current()[WeeklyReport].is_subscriber(page_login.require())}
    )
}
