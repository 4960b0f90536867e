"""Pages whose sockets are refused, over HTTP/1.1: however many a browser shows at once, all count and show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest
from host_pages import HostPages
from pages import wait_for
from support.programs.patience import PATIENCE_S
from test_count_element import tag

pytestmark = pytest.mark.long(proved_by="clients/test_modules.py::test_a_stream_replaces_a_blocked_socket")

NO_SOCKETS = "window.WebSocket = null;"
NO_LOCKS = f"{NO_SOCKETS} Object.defineProperty(navigator, 'locks', {{ value: undefined }});"
"""Pages without TLS have no locks."""

WINDOWS, FRAMES = 8, 9
FRAME = '<iframe src="{url}/embed?value=total&counts=1" sandbox="{sandbox}"></iframe>'
SANDBOXES = ("allow-scripts allow-same-origin", "allow-scripts")
HOSTS = {"one origin": ["localhost"], "three origins": ["localhost"] * 3, "two sites": ["localhost", "127.0.0.1"]}


@pytest.fixture
def shops() -> Iterator[Callable[[list[str]], list[str]]]:
    """Other sites on these hosts, with a port each."""
    with ExitStack() as stack:

        def open_all(hosts: list[str]) -> list[str]:
            servers = [stack.enter_context(ThreadingHTTPServer(("", 0), HostPages)) for _ in hosts]
            for server in servers:
                Thread(target=server.serve_forever, daemon=True).start()
                stack.callback(server.shutdown)
            return [f"http://{host}:{server.server_port}/" for host, server in zip(hosts, servers, strict=True)]

        yield open_all


def number_in(place) -> str:
    return place.evaluate("document.querySelector('koyjabo-count')?.shadowRoot?.textContent ?? ''")


def all_show(page, places: Callable[[], list], site, count: int) -> None:
    """Without locks, each may first wait for 10 s until another one has ended its stream."""
    patience_s = 10 * count + PATIENCE_S
    wait_for(page, lambda: len(places()) >= count and all(map(number_in, places())), "all show a number", patience_s)
    shown = f"{site.stats().total:,}"
    wait_for(page, lambda: [number_in(place) for place in places()] == [shown] * count, f"all show {shown}", patience_s)


@pytest.mark.parametrize("sandbox", SANDBOXES, ids=["frames", "sandboxed frames"])
def test_all_frames_on_a_page_count_and_show_although_sockets_are_refused(device, site, other_site, sandbox):
    device.context.add_init_script(NO_SOCKETS)
    page = device.context.new_page()
    page.goto(other_site)
    page.set_content(FRAME.format(url=f"http://localhost:{site.port}", sandbox=sandbox) * FRAMES)
    for _ in range(2):
        all_show(page, lambda: page.frames[1:], site, FRAMES)
        site.register("karim")
    all_show(page, lambda: page.frames[1:], site, FRAMES)


@pytest.mark.parametrize("script", [NO_SOCKETS, NO_LOCKS], ids=["locks", "no locks"])
@pytest.mark.parametrize("hosts", HOSTS)
def test_all_windows_count_and_show_although_sockets_are_refused(device, site, shops, hosts, script):
    device.context.add_init_script(script)
    addresses, before = shops(HOSTS[hosts]), site.stats().total
    pages = [device.context.new_page() for _ in range(WINDOWS)]
    for number, page in enumerate(pages):
        page.goto(f"{addresses[number % len(addresses)]}posts/{number}")
        page.set_content(f"<koyjabo-count></koyjabo-count>{tag(site)}", wait_until="commit")
    for _ in range(2):
        all_show(pages[0], lambda: pages, site, WINDOWS)
        site.register("karim")
    all_show(pages[0], lambda: pages, site, WINDOWS)
    assert site.stats().total == before + WINDOWS + 2
