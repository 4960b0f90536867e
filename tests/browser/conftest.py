"""Fixtures for browser tests: a browser, devices, and a site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bundles import FOLDER, bundled
from host_pages import served
from pages import EMAIL, PASSWORD, Device, kept_login
from support.clients.members import PASSWORD as OF_MEMBERS, Member
from support.databases.database import SqliteDatabase
from support.programs.ports import free_port
from support.servers.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, StorageState

NewDevice = Callable[..., Device]
SETTINGS = {"STARTING_TOTAL": 4000, "ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD}
PAGE_NUMBERS = "/posts/*,/views/*,/blog/*"

LETTERS = "অবিচ্ছিন্ননাম"  # a word without breaks, as long as an email address
NAME, TEXT, PATH = LETTERS * 7, LETTERS * 30, "/routes/" + "mirpur-10-to-motijheel" * 8
LONG_DATE_MS = 1_790_524_800_000  # in September, whose name is long in both languages

known: dict[tuple[Server, str], Member] = {}


@pytest.fixture(scope="session")
def common_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("site")
    server = Server(
        SqliteDatabase.migrated(folder / "koyjabo.db"), folder, PORT=free_port(), PAGE_NUMBERS=PAGE_NUMBERS, **SETTINGS
    )
    yield server.start()
    server.kill()


@pytest.fixture(scope="module")
def site(common_site: Server) -> Server:
    """A running server that modules share. It keeps its port across restarts."""
    return common_site


@pytest.fixture(scope="module")
def new_site(module_servers, module_sqlite_database) -> Callable[..., Server]:
    """Start a server for a module that needs its own settings or a site without visits:
    `new_site(MILESTONES="4006")`.
    """

    def start(**settings: Any) -> Server:
        return module_servers(module_sqlite_database, PORT=free_port(), **{**SETTINGS, **settings}).start()

    return start


@pytest.fixture(scope="module")
def session(browser: Browser, site: Server) -> StorageState:
    """The stored state of a browser where the site's admin has logged in."""
    return kept_login(browser, site.port, EMAIL, PASSWORD)


@pytest.fixture
def new_device(browser: Browser, site: Server) -> Iterator[NewDevice]:
    """Make devices with Playwright context options: `new_device(locale="bn-BD")`.

    At the end of the test, no page may have violated its policy or thrown an exception.
    """
    made: list[Device] = []

    def make(**options: Any) -> Device:
        made.append(Device(browser, _address(site), **options))
        return made[-1]

    yield make
    for device in made:
        device.context.close()
    for device in made:
        device.check()


@pytest.fixture
def device(new_device: NewDevice) -> Device:
    return new_device()


@pytest.fixture
def page(device: Device) -> Page:
    """An empty tab on the device."""
    return device.context.new_page()


@pytest.fixture
def admin_tab(new_device: NewDevice, session: StorageState) -> Page:
    """An empty tab on a device where the site's admin is logged in."""
    return new_device(storage_state=session).context.new_page()


@pytest.fixture(scope="session")
def other_site() -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture(scope="session")
def bundle() -> Callable[[str], Path]:
    """Bundle a script of the folder frameworks/ with its framework: `bundle("vue")`."""
    if not (FOLDER / "node_modules").exists():
        pytest.skip("npm has not installed the frameworks: `make test` has it do so")
    return bundled


@pytest.fixture
def host_page(page: Page, other_site: str) -> Page:
    """A page on another site."""
    page.goto(other_site)
    return page


@pytest.fixture(scope="module")
def founder(site: Server) -> Member:
    """A new member for each module, because an account may found 20 communities."""
    return Member(site)


@pytest.fixture(scope="module")
def karim(site: Server) -> Member:
    return _member(site, "karim")


@pytest.fixture
def community(founder: Member) -> str:
    return founder.found()


@pytest.fixture
def open_community(founder: Member) -> str:
    """A community with public numbers."""
    return founder.found(public_count=True)


@pytest.fixture(scope="module")
def wordy(site: Server) -> Member:
    """A member with a long name."""
    member = _member(site, "wordy")
    member.call("PATCH", "/api/auth/me", {"name": NAME, "password": OF_MEMBERS})
    return member


@pytest.fixture(scope="module")
def addresses(site: Server, wordy: Member) -> dict[str, str]:
    """Ids and tokens for the paths of objects with long texts that browsers have to break."""
    community = wordy.found(NAME, description=TEXT, public_count=True)
    who = {"email": f"{'x' * 60}@example.com", "role": "member"}
    link = wordy.call("POST", f"/api/communities/{community}/members", who)["link"]
    visit = wordy.visit("wordy", community, page=PATH, referrer=f"https://{'sub.' * 20}example.com/")["visit"]
    site.database.rows(f"UPDATE memberships SET joined_ms = {LONG_DATE_MS}")
    scopes = {"scopes": ["stats:read", "reports:read", "presence:read"], "community": community}
    site.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{wordy.id}'")
    key = wordy.call("POST", "/api/keys", {"name": NAME, **scopes})["id"]
    site.database.rows(f"UPDATE users SET is_admin = false WHERE id = '{wordy.id}'")
    filters = {"community": [community], "page": [PATH]}
    links = [{"name": NAME, "filters": filters, **more} for more in ({}, {"password": NAME})]
    share, locked = (wordy.call("POST", "/api/shares", link)["token"] for link in links)
    return {
        **{"community": community, "user": wordy.id, "visit": str(visit["ordinal"]), "number": visit["share"]},
        **{"invitation": link.rpartition("/")[2], "path": PATH},
        **{"key": key, "share": share, "locked": locked},
    }


def _member(site: Server, name: str) -> Member:
    """The site's member with this name, logged in."""
    if (site, name) in known:
        known[site, name].log_in()
    else:
        known[site, name] = Member(site, name)
    return known[site, name]


def _address(site: Server) -> str:
    return f"http://localhost:{site.port}"
