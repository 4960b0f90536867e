"""What was sealed or signed with a SECRET_KEY as earlier versions read it, with white space or quotation marks."""

import pytest
from support.application.site import SECRET, Site
from support.people.accounts import bearer, sign_up
from support.people.two_step import log_in_with, turn_on

import config
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.link_tokens import INVITATION, LinkTokens
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

ROW = "6f1d2c9a-84b7-4053-94c1-f6a29b80e735"


@pytest.mark.parametrize("earlier", [f"{SECRET}\n", f'"{SECRET}"'], ids=["white space", "quotation marks"])
def test_texts_sealed_or_signed_with_an_earlier_spelling_of_the_key_stay_valid(database, monkeypatch, earlier):
    with monkeypatch.context() as before:
        before.setattr(config, "cleaned", lambda name, text: text)
        with Site(database.url, SECRET_KEY=earlier) as site:
            own_number, ayesha = site.register().share, sign_up(site)
            app = turn_on(ayesha)
            site.services[StoredSettings].change(OPERATOR, PUBLIC_URL="https://live.example.com")
            site.services[StoredSettings].change(OPERATOR, SMTP_URL="smtp://mail.example.com?from=live@example.com")
            link = LinkTokens(site.app.config["SECRET_KEY"]).token(INVITATION, ROW)
    with Site(database.url, site.time, SECRET_KEY=earlier.strip('"')) as site:
        assert site.app.config["SECRET_KEY"] == SECRET
        assert site.client.get("/api/auth/me", headers=bearer(ayesha.access)).status_code == 200
        assert site.client.get(own_number).status_code == 200
        assert site.services[MailOutbox].is_on
        assert LinkTokens(site.app.config["SECRET_KEY"]).row_id(INVITATION, link) == ROW
        site.time.pass_(minutes=5)
        for code in (app.code(), app.recovery_codes[0]):
            assert log_in_with(site, code).status_code == 200
