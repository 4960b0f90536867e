"""/api/auth/sessions: list and end your own sessions."""

from __future__ import annotations

from flask import Response, request
from pydantic import BaseModel, Field

from koyjabo.accounts.api.auth import empty
from koyjabo.accounts.login_sessions import Session
from koyjabo.accounts.services import AccountServices
from koyjabo.core.clock import iso
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import list_response
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CHANGE, CSRF, TOKEN, ListOf, describe
from koyjabo.webkit.schemas.paging import QUERY, Paging

MOMENT = "2025-12-16T04:48:38.412Z"


class SessionResponse(BaseModel):
    """A login session, with the device it was started on."""

    id: str
    created_at: str = Field(examples=[MOMENT])
    renewed_at: str = Field(examples=[MOMENT], description="when its tokens were last issued")
    browser: str = Field(examples=["Chrome"], description='at login; "" if unknown')
    system: str = Field(examples=["Android"])
    place: str = Field(examples=["Dhaka, BD"], description="at login")
    current: bool = Field(description="true for the session of this request")

    @classmethod
    def of(cls, session: Session) -> SessionResponse:
        return cls(
            id=session.id,
            created_at=iso(session.created_ms),
            renewed_at=iso(session.renewed_ms),
            browser=session.browser.name,
            system=session.browser.system,
            place=session.place,
            current=session.is_current,
        )


@bp.get("/auth/sessions")
@describe("List your sessions", {200: ListOf(SessionResponse), 400: "no such page", **TOKEN}, query=QUERY)
def list_sessions() -> Response:
    """Your active sessions, most recently used first."""
    login, paging = tokens.require_account(), Paging.of(request)
    page = current()[AccountServices].sessions.page(login, paging.start, paging.per_page)
    return list_response(map(SessionResponse.of, page.items), paging.headers(page.total))


@bp.delete("/auth/sessions")
@describe("Log out everywhere else", {204: None, **CHANGE, **TOKEN, **CSRF})
def end_other_sessions() -> Response:
    """End all your other sessions, with their tokens and sockets."""
    current()[AccountServices].sessions.end_others(tokens.require_account())
    return empty()


@bp.delete("/auth/sessions/<session_id>")
@describe("End a session", {204: None, 404: "no such session", **CHANGE, **TOKEN, **CSRF})
def end_session(session_id: str) -> Response:
    """End one of your sessions, with its tokens and sockets."""
    current()[AccountServices].sessions.end(tokens.require_account(), session_id)
    return empty()
