"""A webhook's URL is a credential: it is encrypted in the database, backups and exports, and shown shortened."""

import gzip
import logging
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from support.people.admins import panel
from support.sites.backups import back_up
from support.sites.full_site import everything, in_context

from koyjabo.integrations.webhooks.sender import WebhookSealer, new_secret, shortened
from koyjabo.upkeep.backups import cli

PART = "/services/T00/B00/SLACKsecretXYZ?token=QUERYsecret123"
SECRETS = ("SLACKsecretXYZ", "QUERYsecret123")


@pytest.fixture
def webhook(hooked):
    return hooked.add("total.set", url=hooked.receiver.url + PART)


def found_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def store_in_clear(hooked, sealed: str = "sealed_url") -> None:
    """Store a URL as the previous version does, which does not know the column `sealed_url`."""
    url = hooked.receiver.url + PART
    hooked.site.rows(f"UPDATE webhooks SET url = :url, sealed_url = {sealed}", url=url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.slack.com/services/T/B/SECRET", "https://hooks.slack.com/…CRET"),
        ("https://api.telegram.org/bot1:TOKEN/sendMessage?chat_id=5", "https://api.telegram.org/…id=5"),
        ("https://example.com:8443/hook", "https://example.com:8443/…hook"),
        ("https://[2606:4700::1111]/a", "https://[2606:4700::1111]/…a"),
        ("https://example.com", "https://example.com/…"),
    ],
)
def test_url_is_shown_with_its_scheme_its_host_and_four_characters(url, shown):
    assert shortened(url) == shown


def test_url_is_in_no_row_log_list_page_and_backup_and_is_called_whole(hooked, receiver, webhook, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    shown = f"{receiver.url.removesuffix('hook')}…t123"
    assert (webhook["url"], hooked.get(webhook)["url"]) == (shown, shown)
    hooked.call("PATCH", webhook, url=f"{receiver.url}/other{PART}")
    receiver.refuse(404, body=f"Cannot POST /hook/other{PART}".encode())
    hooked.happen()
    (sent,) = hooked.deliver(1)
    assert sent.headers[":path"] == f"/hook/other{PART}"
    backup = gzip.decompress(back_up(hooked.site, tmp_path / "koyjabo.backup").read_bytes()).decode()
    reader, path = panel(hooked.site), f"/admin/connect/webhooks/{webhook['id']}"
    pages = [reader.get(url) for url in ("/admin/connect", path, f"{path}/change", "/admin/audit")]
    assert shown in pages[1]
    assert "Cannot POST /hook/other/…/T00/B00/…?token=…" in pages[1]
    assert found_in(str(everything(hooked.site)) + backup + "".join(pages) + caplog.text) == []


def test_change_without_a_new_url_keeps_the_old_one(hooked, receiver, webhook):
    fields = {"events": ["total.set"], "format": "json"}
    hooked.call("PATCH", webhook, url=webhook["url"], description="the same")
    panel(hooked.site).send(f"/admin/connect/webhooks/{webhook['id']}/change", url="", description="a form", **fields)
    assert (hooked.get(webhook)["url"], hooked.get(webhook)["description"]) == (webhook["url"], "a form")
    hooked.happen()
    assert hooked.deliver(1)[0].headers[":path"] == f"/hook{PART}"
    assert [row["details"] for row in everything(hooked.site)["audit_log"] if row["action"] == "webhook.change"] == [
        '{"changed": ["description"], "enabled": true}'
    ] * 2


@pytest.mark.parametrize("sealed", ["NULL", pytest.param("sealed_url", marks=pytest.mark.long)])
def test_url_in_clear_is_sealed_at_a_start_and_by_a_running_server(hooked, receiver, webhook, sealed):
    """The previous version stores plain URLs, and may replace an encrypted one."""
    store_in_clear(hooked, sealed)
    hooked.site.restart()
    assert found_in(str(everything(hooked.site))) == []
    store_in_clear(hooked, sealed)
    hooked.services = hooked.site.services[type(hooked.services)]
    hooked.happen()
    assert hooked.deliver(1)[0].headers[":path"] == f"/hook{PART}"
    assert found_in(str(everything(hooked.site))) == []


def test_backup_of_the_version_before_is_restored_with_sealed_urls(hooked, webhook, tmp_path):
    store_in_clear(hooked, "NULL")
    file = back_up(hooked.site, tmp_path / "koyjabo.backup")

    @contextmanager
    def application():
        with in_context(hooked.site):
            yield hooked.site.services

    result = CliRunner().invoke(cli.restore, [str(file), "--force"], obj=application)
    assert result.exit_code == 0, result.output
    assert found_in(str(everything(hooked.site))) == []


def test_url_of_another_secret_key_is_a_failed_attempt_until_it_is_entered_again(hooked, receiver, webhook):
    sealer = WebhookSealer(hooked.services.sealer._database, "another SECRET_KEY")
    sealed = {
        "secret": sealer.seal_secret(new_secret(), webhook["id"]),
        **sealer.url_columns(receiver.url, webhook["id"]),
    }
    hooked.site.rows("UPDATE webhooks SET secret = :secret, url = :url, sealed_url = :sealed_url", **sealed)
    hooked.happen()
    hooked.tick()
    reader, path = panel(hooked.site), f"/admin/connect/webhooks/{webhook['id']}"
    assert "The URL cannot be read: enter it again" in reader.get(path)
    fields = {"events": ["total.set"], "description": ""}
    assert "It cannot be read" in reader.send(f"{path}/change", 422, url="", format="slack", **fields)
    reader.send(f"{path}/change", url=receiver.url, format="json", **fields)
    reader.confirm(f"{path}/rotate", 200)
    hooked.pass_pauses()
    assert hooked.deliver(1)[0].headers[":path"] == "/hook"
