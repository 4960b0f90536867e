"""The naive way: the product's server and tables, with an ORM session and a commit for each request."""

from __future__ import annotations

import sys

from launch import REGISTER, serve_with


def handlers(app):
    from flask import jsonify, request
    from naive_ledger import NaiveLedger

    from koyjabo.application.services import Services

    ledger = NaiveLedger(app.config["SQLALCHEMY_DATABASE_URI"], Services.of(app).clock)

    def register_visit():
        return jsonify(ledger.register(request.get_json()))

    return {REGISTER: register_visit}


if __name__ == "__main__":
    sys.exit(serve_with(handlers))
