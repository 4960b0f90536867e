"""Every page in Bangla is entirely in Bangla: without a login, for a member and for an admin of the site.

Exceptions are marked `translate="no"` or `lang="en"`, or are the same in every language, such as paths.
"""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from support.application.site import Site
from support.databases.database import SqliteDatabase
from support.people.admins import address
from support.people.api_keys import make
from support.people.communities import invite
from support.people.page_readers import Reader
from support.people.permissions import RULES
from support.servers.mailbox import PUBLIC_URL
from support.sites.backups import add_backup, add_failure

from koyjabo.base.core.identity import OPERATOR
from koyjabo.upkeep.recounts.total import TotalAdjuster

MAIL_SERVER = "smtp://127.0.0.1:9?from=live@example.com&tls=off"
NAMES = ("ফারহানা", "কামাল", "নুসরাত", "রফিকুল", "জান্নাতুল", "শাকিব", "সুমাইয়া")
PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36"
ANSWERS = {200, 204, 301, 303, 400, 403, 404, 422, 503}
PAGES = sorted(endpoint for endpoint in RULES if endpoint.startswith(("pages_", "panel_")))

SPOKEN = {"aria-label", "title", "placeholder", "alt", "data-label", "label", "aria-valuetext"}
"""Attributes that people read or screen readers speak."""
DESCRIPTIONS = {"description", "og:title", "og:description", "og:site_name"}
VOID = {"br", "hr", "img", "input", "link", "meta", "wbr", "col", "source", "area", "base", "embed", "track"}
UNREAD = {"script", "style", "code", "kbd", "samp"}

BENGALI = re.compile(r"[\u0980-\u09ff]")
ENGLISH = re.compile(r"[A-Za-z]{2,}")
IDENTIFIER = re.compile(r"\S*[@/]\S*|\b\w+_\w+\b|\b[\w-]+(?:\.[\w-]+)*\.[A-Za-z]\w+\b|\b\w+(?:\.\w+){2,}\b")
"""Emails, addresses, paths, setting names, visitorIds, hosts and versions are the same in every language."""
BROWSERS = ("Edge", "Opera", "Samsung Internet", "UC Browser", "Facebook", "Firefox", "Chrome", "Safari", "curl")
INTEGRATIONS = ("JavaScript", "Markdown", "React", "Discord", "Slack", "Telegram", "ntfy")
SYSTEMS = ("Android", "iOS", "Windows", "ChromeOS", "macOS", "Linux", "Ubuntu")
PRODUCTS = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in (*BROWSERS, *SYSTEMS, *INTEGRATIONS, "Redis")))
UNGROUPED = re.compile(r"(?<![০-৯])(?!০)(?!(?:১৯|২০)[০-৯]{2}(?![০-৯]))[০-৯]{4,}")


class Text(HTMLParser):
    """Collects the text of a page, except what is marked as English or as untranslatable."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []  # open elements, and whether their text is collected
        self._is_data = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        is_marked = values.get("translate") == "no" or values.get("lang", "bn") != "bn" or tag in UNREAD
        is_read = not is_marked and (not self._open or self._open[-1][1])
        self._is_data = tag == "script" and values.get("id") == "phrases"
        if is_read:
            self.texts += [value for name, value in values.items() if name in SPOKEN]
            if tag == "meta" and values.get("name", values.get("property")) in DESCRIPTIONS:
                self.texts.append(values["content"])
        if tag not in VOID:
            self._open.append((tag, is_read))

    def handle_endtag(self, tag: str) -> None:
        while tag in (name for name, _ in self._open):
            name, _ = self._open.pop()
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._is_data and data.strip():
            self.texts += _strings(json.loads(data))
        elif self._open and self._open[-1][1]:
            self.texts.append(" ".join(data.split()))


def foreign(page: str) -> list[str]:
    """Texts on the page that contain English words, digits that are not Bengali, or numbers without grouping."""
    page_text = Text()
    page_text.feed(page.replace("<wbr>", ""))
    return sorted({text for text in page_text.texts if _is_foreign(PRODUCTS.sub(" ", IDENTIFIER.sub(" ", text)))})


def _is_foreign(text: str) -> bool:
    is_english = bool(ENGLISH.search(text)) and not BENGALI.search(text)
    return is_english or bool(re.search(r"[0-9]", text)) or bool(UNGROUPED.search(text))


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("bangla")
    url = SqliteDatabase.migrated(folder / "site.db").url
    with Site(url, SMTP_URL=MAIL_SERVER, PUBLIC_URL=PUBLIC_URL, BACKUP_DIR=str(folder)) as site:
        yield site


@pytest.fixture(scope="module")
def values(site, cast) -> dict[str, str]:
    """Values for URL parameters. People and communities have Bangla names, and there are visits on two days."""
    for person, name in zip(cast.people.values(), NAMES, strict=True):
        site.rows("UPDATE users SET name = :name WHERE id = :id", name=name, id=person.id)
    community = cast.community(name="মিরপুর ১০", description="প্রতিদিনের যাত্রীরা")
    site.rows("UPDATE sessions SET user_agent = :phone", phone=PHONE)
    token = invite(cast["admin"], community, "newcomer@example.com")
    fill(site, community)
    (session,) = site.rows("SELECT id FROM sessions LIMIT 1")
    made = make(cast["site_admin"], "stats:read", name="মোবাইল অ্যাপ", community=community)
    return {
        "key_id": made["id"],
        "community_id": community,
        "user_id": cast["other"].id,
        "session_id": session[0],
        "token": token,
        "invitation_id": session[0],
        "ordinal": "1",
    }


def fill(site: Site, community: str) -> None:
    for hours in (0, 3, 21):
        site.time.pass_(hours=hours)
        for number in range(4):
            texts = {"userAgent": PHONE, "referrer": "https://www.facebook.com/", "page": "/fares"}
            site.register(f"visitor_{number}", communityId=community, visitId=f"{hours}-{number}", **texts)
    site.services[TotalAdjuster].set_total(OPERATOR, 1_234_567, "হাতে গোনা")
    site.time.pass_(minutes=2)
    for number in range(11):
        add_backup(site, hours_ago=99 - number)
    add_failure(site, "জায়গা নেই।")


@pytest.fixture(scope="module")
def readers(site, cast, values) -> dict[str, Reader]:
    site.rows("UPDATE audit_log SET actor = 'রহিম', target = 'করিম'")
    readers = {role: Reader(site, "bn") for role in ("nobody", "member", "site_admin")}
    for role, reader in readers.items():
        reader.headers["User-Agent"] = PHONE
        if role != "nobody":
            reader.log_in(role)
    return readers


def paths(site: Site, values: dict[str, str]) -> list[str]:
    rules = [rule for rule in site.app.url_map.iter_rules() if rule.endpoint in PAGES and "GET" in (rule.methods or ())]
    return [*sorted(address(site, rule, **values) for rule in rules), "/nothing-here"]


def test_every_page_is_entirely_in_bangla(site, values, readers):
    texts: dict[str, str] = {}  # where each foreign text was first seen
    for role, reader in readers.items():
        for path in paths(site, values):
            if role != "site_admin" and path.startswith("/admin/"):
                continue
            answer = reader.client.get(path, headers=reader.headers)
            assert answer.status_code in ANSWERS, f"{path}, {role}: {answer.status_code}"
            if answer.mimetype == "text/html" and answer.status_code != 303:
                texts = dict.fromkeys(foreign(answer.text), f"{path}, {role}") | texts
    assert not texts, "\n".join(f"{text!r}: {where}" for text, where in texts.items())
