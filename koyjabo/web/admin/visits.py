"""/admin/visits: the log of visits, newest first, filtered by day, place, community, visitor or ordinal."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from koyjabo.errors import InvalidInput
from koyjabo.visit_log.visit_log import Filter, Found
from koyjabo.web.admin import bp
from koyjabo.web.admin.pages import before, me, page
from koyjabo.web.api.visit_requests import Body
from koyjabo.web.current import current
from koyjabo.web.ui import pagination
from koyjabo.web.ui.forms import Form

MOST_CHOICES = 200
"""At most this many communities are offered; the page of a community links to its visits."""


@bp.get("/visits")
def visits() -> Response:
    form = filter_form(request.args.to_dict())
    try:
        found = current().visit_log.page(me(), Filter(**form.values), before())
    except InvalidInput as error:
        form.errors.update(error.details)
        if not error.details:
            raise
        return page("visits", 400, form=form, found=Found((), None, None), choices=choices(form))
    older = pagination.this_page(before=found.before) if found.before is not None else None
    return page("visits", form=form, found=found, older=older, choices=choices(form))


def filter_form(values: dict[str, Any]) -> Form[Body]:
    return Form(Body, {name: values.get(name, "").strip() for name in Filter._fields})


def choices(form: Form[Body]) -> list[tuple[str, str]]:
    """The communities to choose from, (id, name); the chosen one is always included."""
    found = current().communities.directory.all(me(), count=MOST_CHOICES).items
    named = {each.community.id: each.community.name for each in found}
    chosen = form.values.get("community_id", "")
    if chosen and chosen not in named:
        named[chosen] = chosen
    return list(named.items())
