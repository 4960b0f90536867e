"""The ceiling: the product's server, its middleware and its routes, with nothing behind them but a constant.

`get_json` parses the body of a registration and no more; `checked` checks it as the product does. Both answer
`GET /api/stats` with the stats of that constant.
"""

from __future__ import annotations

import sys

from launch import REGISTER, STATS, serve_with

STATS_ANSWER = {
    "totalVisitors": 104000,
    "totalVisits": 104000,
    "todayVisits": 100000,
    "activeUsers": 20000,
    "uniqueVisitors": 20000,
    "locations": {"Unknown": {"count": 20000}},
    "revision": 1765860518412,
    "epoch": "mj8k2f1x",
    "timestamp": "2025-12-16T04:48:38.412Z",
}
ANSWER = {"success": True, "visit": {"ordinal": 104000, "duplicate": False}, "stats": STATS_ANSWER}


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
