"""Downloads that are generated while they are sent, such as exports."""

import logging
from collections.abc import Callable, Iterator
from itertools import chain

from flask import Response, request

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.spreadsheet import BYTE_ORDER_MARK, MIMETYPE

log = logging.getLogger(__name__)


def download(pieces: Iterator[str], name: str, content_type: str, require: Callable[[], object]) -> Response:
    """Send a file. `require` is called before each piece, outside the request. If it raises an error, the file ends
    there.
    """
    if content_type == MIMETYPE:
        pieces = chain([BYTE_ORDER_MARK], pieces)
    checked = _checked(pieces, require)
    unhurried = request.environ.get("koyjabo.unhurried")
    if unhurried is not None:  # missing under other WSGI servers
        checked = unhurried(request.environ, checked)
    attached = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(checked, headers=attached, content_type=content_type)


def _checked(pieces: Iterator[str], require: Callable[[], object]) -> Iterator[str]:
    """Log errors here, because the response has already started and cannot report them."""
    try:
        for piece in pieces:
            require()
            yield piece
    except KoyJaboError as error:
        log.warning("export_broken_off code=%s", error.code)
        raise
    except Exception as error:
        log.exception("export_failed kind=%s", type(error).__name__)
        raise
