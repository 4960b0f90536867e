"""Forms that ask for confirmation, each about different people: `Cases(site).make("admin.promote")`."""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

from koyjabo.base.core.identity import OPERATOR
from koyjabo.integrations.api_keys.api_keys import ApiKeys
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.web.login.tokens import Tokens
from support.application.site import Site
from support.people.accounts import promote
from support.people.admins import ExampleCommunity, address, panel
from support.people.page_readers import Reader
from support.people.routes import rules
from support.people.share_links import of_community, share

SET = {"total": "5000", "reason": "counted by hand"}
BY_ADMINS = ("pages.remove_member", "pages.delete_community", "pages.end_share")


class Case(NamedTuple):
    """A form, the person who sends it, and its target."""

    reader: Reader
    path: str
    fields: dict[str, str]
    example: ExampleCommunity
    named: dict[str, str]

    def ask(self) -> str:
        return self.reader.send(self.path, 200, **self.fields)


class Cases:
    """Makes cases. `rani` is an admin of the site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.rani = panel(site)
        self._numbers = count()

    def make(self, endpoint: str, **fields: str) -> Case:
        number = next(self._numbers)
        example = ExampleCommunity(self.site, f"founder{number}", f"member{number}")
        values = dict(example.values)
        reader = Reader(self.site).log_in(f"member{number}")
        if endpoint.startswith("admin.") or endpoint in BY_ADMINS:
            reader = self.rani
        if endpoint == "admin.demote":
            promote(self.site, example.member.email)
        if endpoint == "admin.set_total":
            self.site.set_total(4000, new_epoch=True)
            fields = {**SET, **fields}
        if endpoint == "admin.erase_visitor":
            self.site.register(f"visitor{number}")
            fields = {"visitor_id": f"visitor{number}", **fields}
        if endpoint.endswith("end_share"):
            values["share_id"] = share(example.founder, **of_community(example.community))["id"]
        if endpoint.endswith("revoke_key"):
            key, _text = self.site.services[ApiKeys].create(OPERATOR, "Grafana", ("stats:read",))
            values["key_id"] = key.id
        if endpoint.endswith("_webhook"):
            webhooks, types = self.site.services[WebhookServices].webhooks, ["member.joined"]
            webhook, _secret = webhooks.create(OPERATOR, "https://93.184.215.14/hook", types)
            values["webhook_id"] = webhook.id
        session = self.site.services[Tokens].read(example.member.access).session_id
        path = address(self.site, rules(self.site)[endpoint], **values, session_id=session)
        named = {"member": f"Member{number}", "email": example.member.email, "community": "Mirpur 10"}
        return Case(reader, path, fields, example, named)

    def stranger(self) -> Reader:
        return Reader(self.site).sign_up(f"stranger{next(self._numbers)}")
