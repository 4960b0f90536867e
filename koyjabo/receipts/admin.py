"""Forms on /receipt for site admins: recount, and change the total."""

from __future__ import annotations

import re
from typing import Annotated, Any

from flask import Response, url_for
from flask_babel import gettext as _
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from koyjabo.core.errors import InvalidInput, TotalWouldFall
from koyjabo.core.i18n import N_
from koyjabo.core.sanitize import whole
from koyjabo.receipts import pages
from koyjabo.recounts.recounts import Recounts
from koyjabo.recounts.total import Preview, TotalAdjuster
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Confirmation, confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.i18n import count
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.panel.pages import me
from koyjabo.webkit.schemas.bodies import Body

PAGE = "pages.receipt"

LONGEST_REASON = 200
NUMBER = re.compile(r"\s*(\d{1,18}|\d{1,3}(,\d{2,3})*,\d{3})\s*")
REASON_LENGTH = N_("must have 1 to 200 characters and not only spaces")


def _number(value: Any) -> int:
    """Parse a number written in the digits of any script, with or without thousands separators."""
    if not NUMBER.fullmatch(str(value)):
        raise PydanticCustomError("unusable", N_("must be a whole number"))
    return int(str(value).replace(",", ""))


def _reason(value: Any) -> str:
    reason = whole(str(value)).strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise PydanticCustomError("unusable", REASON_LENGTH)
    return reason


class TotalBody(Body):
    """A total to set by hand."""

    total: Annotated[int, BeforeValidator(_number)]
    reason: Annotated[str, BeforeValidator(_reason)]
    new_epoch: bool = False


@bp.post("/receipt/recount")
def recount() -> Response:
    current()[Recounts].begin(me())
    return done("recounting", PAGE)


@bp.post("/receipt/total")
def set_total() -> Response:
    form = Form(TotalBody, flags=("new_epoch",))
    body = form.read()
    if body is None:
        return pages.show(422, form)
    total = current()[TotalAdjuster]
    try:
        confirm(_new_total(body, total.preview(me(), body.total, body.new_epoch)))
        total.set_total(me(), body.total, body.reason, body.new_epoch)
    except InvalidInput as error:
        form.errors.update(error.details)
        return pages.show(422, form)
    except TotalWouldFall:
        form.errors["new_epoch"] = _("This would lower the total. Tick this box to allow it.")
        return pages.show(409, form)
    return done("total_set", PAGE)


def _new_total(body: TotalBody, preview: Preview) -> Confirmation:
    before, after = preview.totals
    if after < before:
        effect = _("The total falls, and a new count starts: all open pages show the lower number at once.")
    elif body.new_epoch:
        effect = _("A new count starts. All open pages show the new number at once.")
    else:
        effect = _("All open pages show the new number at once. Only a new count can make it lower again.")
    return Confirmation(
        _("Change the total to %(total)s?", total=count(after)),
        (effect, _("Reason: %(reason)s", reason=body.reason)),
        _("Change the total"),
        url_for(PAGE),
        typed=count(after),
        figures=(
            (_("Now"), count(before)),
            (_("After"), count(after)),
            (_("Difference"), f"{'+' if after > before else ''}{count(after - before)}"),
        ),
        version=preview.version,
    )
