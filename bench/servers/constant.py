"""Constant Flask responses: the product's server, middleware and routes, but with constant data. Only the bodies of
registrations are parsed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from launch import serve_changed

CONSTANTS = json.loads(Path(__file__).with_name("constant.json").read_text())


def answer_constants(app) -> None:
    from flask import jsonify, request

    def register():
        assert request.get_json()["visitorId"]
        return jsonify(CONSTANTS["/api/visitor/register"])

    views = {"api_counting.register_visit": register, "api_counting.stats": lambda: jsonify(CONSTANTS["/api/stats"])}
    assert views.keys() <= app.view_functions.keys()
    app.view_functions.update(views)
    app.wsgi_app._app._handlers.clear()  # otherwise the fast path would respond instead of these views


if __name__ == "__main__":
    sys.exit(serve_changed(answer_constants))
