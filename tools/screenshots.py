"""Take the pictures that the documents show, into docs/images/: `make screenshots`.

`make screenshots ARGS="--all FOLDER"` writes all pages to a folder instead: narrow and wide, light and dark, in both
languages.
"""

from __future__ import annotations

import argparse
import io
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby, product
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FloatRect, Page
from support.databases.database import SqliteDatabase
from support.programs.chromium import browser
from support.programs.processes import ROOT, environment, wait_until
from support.servers.server import Server

from demo.people import GUIDE, password
from pictures import (
    ADMIN,
    LANGUAGES,
    MEMBER,
    NOBODY,
    OWN_COLOUR,
    OWN_MARK,
    OWN_NAME,
    OWN_PAGE,
    OWN_SENTENCE,
    PAGES,
    SCHEMES,
    SHOWN,
    SITE_ADMIN,
    WIDTHS,
    Look,
)

IMAGES = ROOT / "docs" / "images"
SECRET = "only-for-pictures-" + "0" * 32
PASSWORD = password(SECRET)
IN_DHAKA = {"X-Forwarded-For": "119.30.32.7"}
CROWD, ENOUGH, PATIENCE_S = 60, 40, 300
LARGEST_KB = 120


def evening() -> str:
    """A time zone where it is seven in the evening now, because sites are quiet at night."""
    ahead = (19 - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}"  # the signs of these names are reversed


EVENING = evening()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="write all pages to this folder instead")
    folder = parser.parse_args().all
    looks = [Look(*values) for values in product(LANGUAGES, SCHEMES, WIDTHS)]
    pictures = list(product(PAGES, looks)) if folder else list(SHOWN)
    (folder or IMAGES).mkdir(parents=True, exist_ok=True)
    with browser() as chromium, tempfile.TemporaryDirectory() as databases:
        server = Server(
            SqliteDatabase(Path(databases) / "koyjabo.db"),
            Path(databases),
            ENVIRONMENT="development",
            SECRET_KEY=SECRET,
            TIMEZONE=EVENING,
            ADMIN_EMAIL=ADMIN,
            ADMIN_PASSWORD=PASSWORD,
            APP_URL="https://app.example.com",
        ).start()
        try:
            with crowd(server):
                take(server, chromium, pictures, folder)
        finally:
            server.stop()
    say(f"{len(pictures)} pictures are in {folder or IMAGES.relative_to(ROOT)}.")


@contextmanager
def crowd(server: Server) -> Iterator[None]:
    """Add enough people to look at."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "demo", "--url", home(server), "--people", str(CROWD)],
        cwd=ROOT,
        env=environment(**server.settings, PYTHONPATH="tools"),
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: server.stats().active >= ENOUGH, "the crowd is there", PATIENCE_S, 0.5)
        yield
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)


def take(server: Server, chromium: Browser, pictures: list[tuple[str, Look]], folder: Path | None) -> None:
    """Take the pictures. The one of a site with its own look comes last."""
    logins = {who: log_in(server, chromium, who) for who in (MEMBER, SITE_ADMIN)}
    made = made_by(server, chromium, logins[SITE_ADMIN])
    logins[SITE_ADMIN].names.update(made)
    logins[NOBODY] = Login(made, None)
    take_all(server, chromium, logins, [picture for picture in pictures if picture[0] != OWN_PAGE], folder)
    choose_a_look(server, chromium, logins[SITE_ADMIN])
    take_all(server, chromium, logins, [picture for picture in pictures if picture[0] == OWN_PAGE], folder)


def take_all(
    server: Server,
    chromium: Browser,
    logins: dict[str, Login],
    pictures: Iterable[tuple[str, Look]],
    folder: Path | None,
) -> None:
    by_device = sorted(pictures, key=lambda picture: (picture[1], PAGES[picture[0]][0]))
    for (look, viewer), group in groupby(by_device, key=lambda picture: (picture[1], PAGES[picture[0]][0])):
        context = device(server, chromium, look, logins[viewer])
        for name, _ in group:
            take_one(context, name, PAGES[name][1].format(**logins[viewer].names), look, folder)
        context.close()
        say(f"{'-'.join(map(str, look))}, {viewer}: taken")


def take_one(context: BrowserContext, name: str, path: str, look: Look, folder: Path | None) -> None:
    page = context.new_page()
    answer = page.goto(path)
    if answer is not None and answer.status == 404 and name != "missing":
        say(f"{path} is not there; no picture of {name}")
    else:
        settle(page)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            say(f"{look.name(name)}: {over} px hang over the edge")
        if folder:
            page.screenshot(path=folder / f"{look.name(name)}.png", full_page=True)
        else:
            keep(page, look.width, SHOWN[name, look], IMAGES / f"{look.name(name)}.png")
    page.close()


def choose_a_look(server: Server, chromium: Browser, admin: Login) -> None:
    """Give the site its own name, colour and mark, as an admin does."""
    context = chromium.new_context(base_url=home(server), storage_state=admin.cookies)
    page = context.new_page()
    page.goto("/admin/server?edit=name")
    page.fill("[name=site_name]", OWN_NAME)
    page.fill("[name=site_sentence]", OWN_SENTENCE)
    page.fill("[name=site_colour]", OWN_COLOUR)
    page.set_input_files("#mark", {"name": "mark.svg", "mimeType": "image/svg+xml", "buffer": OWN_MARK.encode()})
    page.click("#name button.primary")
    page.locator("header .brand img").wait_for()
    context.close()


def settle(page: Page) -> None:
    """Wait until fonts and charts are loaded."""
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(600)


def keep(page: Page, width: int, height: int, path: Path) -> None:
    """Save the upper part of a page, reduced to 256 colours, at a third of the size."""
    clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size_kb = path.stat().st_size / 1024
    if size_kb > LARGEST_KB:
        say(f"{path.name} has {size_kb:.0f} KB")


def device(server: Server, chromium: Browser, look: Look, login: Login) -> BrowserContext:
    is_phone = look.width == min(WIDTHS)
    return chromium.new_context(
        base_url=home(server),
        storage_state=login.cookies,
        is_mobile=is_phone,  # scroll bars take no space
        has_touch=is_phone,
        viewport={"width": look.width, "height": WIDTHS[look.width]},
        color_scheme=look.scheme,  # type: ignore[arg-type]
        locale={"en": "en-GB", "bn": "bn-BD"}[look.language],
        timezone_id=EVENING,
        reduced_motion="reduce",
        # the panel shows its admin the address that the server sees
        extra_http_headers={} if login.names.get("email") == SITE_ADMIN else IN_DHAKA,
    )


class Login(NamedTuple):
    names: dict[str, str]
    """Values for paths: the viewer, the guide's community, and a visit."""
    cookies: Any


def log_in(server: Server, chromium: Browser, email: str) -> Login:
    """Log in once for all pictures, because logins per address and minute are limited."""
    context = chromium.new_context(base_url=home(server))
    answer = context.request.post("/api/auth/login", data={"email": email, "password": PASSWORD})
    assert answer.ok, answer.text()
    tokens = answer.json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    communities = context.request.get("/api/communities?per_page=100", headers=bearer).json()
    (community,) = (community["id"] for community in communities if community["name"] == GUIDE.community)
    cookies = context.storage_state()
    context.close()
    visit = str(server.stats().total)  # the latest visit's number
    return Login({"community": community, "user": tokens["user"]["id"], "email": email, "visit": visit}, cookies)


def made_by(server: Server, chromium: Browser, admin: Login) -> dict[str, str]:
    """Create two share links and a key. Returns their tokens and ids."""
    key = {"name": "Grafana", "scopes": ["stats:read", "reports:read"]}
    requests = {
        "share": ("shares", "token", {"name": "Search engines", "filters": {"channel": ["search"]}}),
        "locked": ("shares", "token", {"name": "For our partners", "password": PASSWORD}),
        "key": ("keys", "id", key),
    }
    # A call with a session's cookie would need a proof to make a key.
    (token,) = (cookie["value"] for cookie in admin.cookies["cookies"] if cookie["name"] == "access_token_cookie")
    context = chromium.new_context(base_url=home(server), extra_http_headers={"Authorization": f"Bearer {token}"})
    made = {
        name: context.request.post(f"/api/{kind}", data=fields).json()[answer]
        for name, (kind, answer, fields) in requests.items()
    }
    context.close()
    return made


def home(server: Server) -> str:
    return f"http://localhost:{server.port}"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
