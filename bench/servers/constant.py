"""Flask's constant answers: the product's server, middleware and routes, with nothing behind them but a constant. Of a
registration the body is parsed, and no more.
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

    assert {"api.register_visit", "api.stats"} <= app.view_functions.keys()
    app.view_functions.update({"api.register_visit": register, "api.stats": lambda: jsonify(CONSTANTS["/api/stats"])})
    app.wsgi_app._app._handlers.clear()  # of the fast path, which would answer instead of these views


if __name__ == "__main__":
    sys.exit(serve_changed(answer_constants))
