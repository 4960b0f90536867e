"""Flask's constant answer: the product's server, middleware and routes, with nothing behind them but a constant.

`get_json` parses the body of a registration and no more; `checked` checks it as the product does. Both answer
`GET /api/stats` with the stats of that constant.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from launch import REGISTER, STATS, serve_with

CONSTANTS = json.loads(Path(__file__).with_name("constant.json").read_text())
ANSWER, STATS_ANSWER = CONSTANTS["/api/visitor/register"], CONSTANTS["/api/stats"]


def handlers(app):
    from flask import jsonify, request

    from koyjabo.web.api.visit_requests import NewVisitBody

    def get_json():
        assert request.get_json()["visitorId"]
        return jsonify(ANSWER)

    def checked():
        assert NewVisitBody.of(request).visitorId
        return jsonify(ANSWER)

    return {REGISTER: {"get_json": get_json, "checked": checked}[sys.argv[1]], STATS: lambda: jsonify(STATS_ANSWER)}


if __name__ == "__main__":
    sys.exit(serve_with(handlers))
