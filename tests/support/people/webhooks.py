"""A site with webhooks to a receiver."""

from __future__ import annotations

import json
import uuid
from typing import Any

from koyjabo.base.models import SITE, Scope
from koyjabo.integrations.webhooks import delivery_queries
from koyjabo.integrations.webhooks.services import WebhookServices
from support.application.site import Site
from support.people.accounts import Person, sign_up
from support.people.api_keys import call, key
from support.programs.processes import wait_until
from support.servers.webhook_receiver import ReceivedDelivery, WebhookReceiver

PATH = "/api/webhooks"
ADD = "INSERT INTO webhook_events (id, type, key, scope, at_ms, data) VALUES (:id, :type, :key, :scope, :at_ms, :data)"


class HookedSite:
    """A site with webhooks to a receiver. `boss` is an admin of the site."""

    def __init__(self, site: Site, receiver: WebhookReceiver) -> None:
        self.site = site
        self.receiver = receiver
        self.services = site.services[WebhookServices]
        self.boss: Person = sign_up(site, "boss")
        site.rows("UPDATE users SET is_admin = true, verified_ms = 1 WHERE id = :id", id=self.boss.id)
        self._key = key(self.boss, "webhooks:manage")  # a key, because logins expire when the test moves the clock

    def add(self, *types: str, **fields: Any) -> dict[str, Any]:
        """Create a webhook to the receiver."""
        body = {"url": self.receiver.url, "events": list(types) or ["total.set"], **fields}
        answer = call(self.site, self._key, PATH, "POST", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json

    def happen(self, key: str = "1", type: str = "total.set", scope: str = SITE, **data: Any) -> None:
        """Record an event."""
        row = {"id": str(uuid.uuid4()), "type": type, "key": key, "scope": scope, "at_ms": self.site.time.ms}
        if self.services.events.wants(type, Scope(scope)):
            self.site.rows(ADD, data=json.dumps(data), **row)

    def tick(self) -> None:
        """Run the worker's tick, and wait until every due delivery has been tried."""
        self.services.events.tick()
        self.services.sender.tick()
        wait_until(lambda: not self.services.sender._tasks.busy, "all was tried")

    def deliver(self, count: int) -> list[ReceivedDelivery]:
        self.tick()
        assert len(self.receiver.received) == count
        return self.receiver.received

    def deliveries(self, webhook: dict[str, Any], state: str = "") -> list[dict[str, Any]]:
        path = f"{PATH}/{webhook['id']}/deliveries"
        answer = call(self.site, self._key, path, query_string={"state": state} if state else {})
        assert answer.status_code == 200, answer.text
        return answer.json["deliveries"]

    def get(self, webhook: dict[str, Any]) -> dict[str, Any]:
        return self.call("GET", webhook).json

    def post(self, webhook: dict[str, Any], path: str, **body: Any) -> Any:
        return self.call("POST", webhook, f"/{path}", **body)

    def call(self, method: str, webhook: dict[str, Any], path: str = "", **body: Any) -> Any:
        url = f"{PATH}/{webhook['id']}{path}"
        return call(self.site, self._key, url, method, **({"json": body} if body else {}))

    def pass_pauses(self) -> None:
        """Move the clock beyond the longest pause between two attempts."""
        self.site.time.pass_(milliseconds=max(delivery_queries.PAUSES_MS) * 1.3)
