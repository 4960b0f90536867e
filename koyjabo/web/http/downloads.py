"""Downloads that are generated while they are sent, such as exports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from flask import Response, request

from koyjabo.base.core.errors import KoyJaboError

log = logging.getLogger(__name__)

Piece = TypeVar("Piece", str, bytes)


def download(pieces: Iterator[Piece], name: str, content_type: str, require: Callable[[], object]) -> Response:
    """Send a file. `require` is called before each piece, outside the request. If it raises an error, the file ends
    there.
    """
    checked = _log_errors(_while_allowed(pieces, require))
    unhurried = request.environ.get("koyjabo.unhurried")
    if unhurried is not None:  # missing under other WSGI servers
        checked = unhurried(request.environ, checked)
    attached = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(checked, headers=attached, content_type=content_type)


def _while_allowed(pieces: Iterator[Piece], require: Callable[[], object]) -> Iterator[Piece]:
    for piece in pieces:
        require()
        yield piece


def _log_errors(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Log errors here, because the response has already started and cannot report them."""
    try:
        yield from pieces
    except KoyJaboError as error:
        log.warning("export_broken_off code=%s", error.code)
        raise
    except Exception as error:
        log.exception("export_failed kind=%s", type(error).__name__)
        raise
