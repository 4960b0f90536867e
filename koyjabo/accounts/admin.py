"""/admin/users: list users; change their roles on the site, disable accounts, end sessions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Response, request

from koyjabo.accounts.services import AccountServices
from koyjabo.accounts.user_admin import USER_ORDERS, UserLine
from koyjabo.core.errors import Forbidden, KoyJaboError, LastAdmin
from koyjabo.core.identity import SITE_ADMIN, SITE_MEMBER, SITE_VIEWER
from koyjabo.panel import questions
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Question, confirm
from koyjabo.webkit.pages import pagination
from koyjabo.webkit.pages.errors import STATUS
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.pages.sorting import Sorting
from koyjabo.webkit.panel.pages import me, page


@bp.get("/users")
def users() -> Response:
    query, sorting = request.args.get("query", "").strip(), Sorting.of(request, USER_ORDERS, "-created")
    found = pagination.list_page(partial(current()[AccountServices].users.page, me(), query, order=sorting.order))
    return page("users", found=found, query=query, sorting=sorting)


@bp.get("/users/<user_id>")
def user(user_id: str) -> Response:
    return _show(user_id)


@bp.post("/users/<user_id>/promote")
def promote(user_id: str) -> Response:
    _confirm(questions.promotion, user_id)
    return _do(user_id, "promoted", lambda: current()[AccountServices].users.set_role(me(), user_id, SITE_ADMIN))


@bp.post("/users/<user_id>/demote")
def demote(user_id: str) -> Response:
    _confirm(questions.demotion, user_id)
    return _do(user_id, "demoted", lambda: current()[AccountServices].users.set_role(me(), user_id, SITE_MEMBER))


@bp.post("/users/<user_id>/viewer")
def make_viewer(user_id: str) -> Response:
    _confirm(questions.viewing, user_id)
    return _do(user_id, "made_viewer", lambda: current()[AccountServices].users.set_role(me(), user_id, SITE_VIEWER))


@bp.post("/users/<user_id>/disable")
def disable(user_id: str) -> Response:
    _confirm(questions.disabling, user_id)
    return _do(user_id, "disabled", lambda: current()[AccountServices].users.disable(me(), user_id))


@bp.post("/users/<user_id>/enable")
def enable(user_id: str) -> Response:
    return _do(user_id, "enabled", lambda: current()[AccountServices].users.disable(me(), user_id, disabled=False))


@bp.post("/users/<user_id>/second-factor/reset")
def reset_second_factor(user_id: str) -> Response:
    _confirm(questions.second_factor_reset, user_id)
    reset = current()[AccountServices].users.reset_second_factor
    return _do(user_id, "second_factor_reset", lambda: reset(me(), user_id))


@bp.post("/users/<user_id>/log-out")
def log_out(user_id: str) -> Response:
    _confirm(questions.logging_out, user_id)
    return _do(user_id, "logged_out", lambda: current()[AccountServices].users.log_out(me(), user_id))


def _confirm(question: Callable[[UserLine], Question], user_id: str) -> None:
    """Raises Unconfirmed."""
    confirm(question(current()[AccountServices].users.get(me(), user_id)))


def _do(user_id: str, code: str, act: Callable[[], object]) -> Response:
    try:
        act()
    except (LastAdmin, Forbidden) as error:
        return _show(user_id, STATUS[error.code], error)
    return done(code, "admin.user", user_id=user_id)


def _show(user_id: str, status: int = 200, problem: KoyJaboError | None = None) -> Response:
    account, users = me(), current()[AccountServices].users
    found = users.get(account, user_id)
    belongings = pagination.list_page(partial(users.communities_of, account, found.id), "admin.user", user_id=found.id)
    return page("user", status, user=found, is_me=found.id == account.id, belongings=belongings, problem=problem)
