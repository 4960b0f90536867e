"""Strangers' requests are parsed on the event loop, so none may block it for long.

Measures the CPU time of the parsing thread, as the best of several attempts. A busy or slow machine takes several times
as long, so a slow attempt is compared with known work right after it. The garbage collector runs as rarely as in a
worker: otherwise many lists take eight times as long.
"""

import base64
import gc
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from support.application.site import Site
from support.people.accounts import bare, bearer
from support.people.admins import panel
from support.people.routes import method_of, path_of, rules

from koyjabo.server.process.worker import GARBAGE
from koyjabo.web.http import body_sizes

MAX_MS, TRIES = 100.0, 10
REFERENCE, MOST = b"[" + b",".join([b"[]"] * 350_000) + b"]", 12
"""A JSON text, and how many times as long as `json.loads` of it a body may take. The slowest bodies take 3 to 5 times
as long, and 18 to 30 times with a limit six times as high.
"""

LIMITS = ("REGISTRATIONS", "VISITOR", "LOGINS", "CHANGES", "REPORTS", "KEYS")


def values(size: int) -> dict[str, bytes]:
    """JSON of about `size` bytes that is slow to parse, validate or describe."""
    return {
        "deep lists": b"[" * (size // 2) + b"]" * (size // 2),
        "many deep lists": b"[" + b",".join([b"[" * 200 + b"]" * 200] * (size // 401)) + b"]",
        "small objects": b"[" + b",".join([b'{"a":0}'] * (size // 8)) + b"]",
        "500 wrong ones": b"[" + b",".join(b'{"ref":"%d","role":[]}' % n for n in range(min(500, size // 24))) + b"]",
        "keys": b"{" + b",".join(b'"%x":0' % n for n in range(size // 10)) + b"}",
        "one number": b"9" * (size - 100),
        "one text": b'"' + b"%2F/" * (size // 4 - 50) + b'"',
        "escapes": b'"' + b"\\ud800" * (size // 6 - 50) + b'"',
    }


def bodies(size: int, fields: list[str], is_new: bool) -> Iterator[tuple[str, bytes]]:
    """The values in all fields that the call reads. Once for each size also the values by themselves."""
    for kind, value in {"not JSON": b"[" * size, **values(size)}.items() if is_new else ():
        yield kind, value
    for kind, value in values(size // len(fields) - 100).items():
        members = b",".join(b'"%s":%s' % (field.encode(), value) for field in fields)
        yield f"{kind} in fields", b"{%s}" % members


def excess(read: Callable[[], object]) -> float:
    """The thread's time relative to REFERENCE, or 0 if it is within the limits."""
    ratios: list[float] = []
    while len(ratios) < TRIES:
        if (ms := worked_ms(read)) <= MAX_MS:
            return 0
        ratios.append(ms / worked_ms(lambda: json.loads(REFERENCE)))
        if ratios[-1] <= MOST:
            return 0
    return min(ratios)


def worked_ms(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1000


@pytest.fixture(autouse=True)
def garbage() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*GARBAGE)
    yield
    gc.set_threshold(*before)


@pytest.fixture(scope="module")
def site(module_sqlite_database) -> Iterator[Site]:
    without_limits = {f"RATE_LIMIT_{name}": "0" for name in LIMITS}
    with Site(module_sqlite_database.url, BRIDGES="koyjabo", **without_limits) as site:
        yield site


def test_no_body_of_an_api_call_blocks_the_event_loop(site, cast):
    client, slow, read, sizes = bare(site), {}, set(), set()
    headers = {**bearer(cast["site_admin"].access), "If-Match": '"x"'}
    for endpoint, rule in rules(site).items():
        operation = getattr(site.app.view_functions[endpoint], "operation", None)
        if operation is None or operation.body is None:
            continue
        path, method = path_of(site, cast, rule, cast.kept_community()), method_of(rule)
        read.add(endpoint)
        size = body_sizes.body_sizes_of(site.app).largest_at(path)
        request = {"method": method, "content_type": "application/json", "headers": headers}
        for kind, body in bodies(size, list(operation.body.model_fields), size not in sizes):
            if times := excess(partial(client.open, path, data=body, **request)):
                slow[endpoint, kind] = round(times)
        sizes.add(size)
    assert {
        "api_counting.register_visits",
        "api_community_refs.sync_members",
        "api_keys.create_key",
        "koyjabo_bridge.record_visit",
    } <= read
    assert slow == {}


LONG = 7_000  # size in bytes of a header or path that the server still accepts


def token(header: bytes, claims: bytes) -> str:
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims, b"x" * 32)).decode()


REQUESTS = {
    "bearer": ("/api/auth/me", {"Authorization": "Bearer " + "a" * LONG}),
    "deep token": ("/api/auth/me", bearer(token(b"[" * 2_500, b"[" * 2_500))),
    "large claims": ("/api/auth/me", bearer(token(b'{"alg":"HS256"}', b'{"sub":' + b"9" * 5_000 + b"}"))),
    "key": ("/api/auth/me", bearer("kj_" + "a" * LONG)),
    "cookies": ("/", {"Cookie": ";".join(f"a{n}=b" for n in range(LONG // 8))}),
    "languages": ("/", {"Accept-Language": ",".join(["bn;q=0.1"] * (LONG // 9))}),
    "tags": ("/api/receipt", {"If-None-Match": ",".join(['"a"'] * (LONG // 4))}),
    "names": ("/", {f"X-{n}": "a" for n in range(90)}),
    "parameters": ("/badge.svg?" + "&".join(f"a{n}=" for n in range(LONG // 7)), {}),
    "label": ("/badge.svg?label=" + "%E0%A6%95%E0%A7%8D" * (LONG // 18), {}),
    "path": ("/" + "%25" * (LONG // 3), {}),
    "next": ("/login?next=/" + "a/" * (LONG // 2), {}),
    "ids": ("/api/communities/online?ids=" + "a," * (LONG // 2), {}),
    "page of the pixel": ("/v.gif?page=/" + "%2F" * (LONG // 3), {"User-Agent": "Mozilla/5.0 (" + ";" * 5_000}),
    "user agent": ("/v.gif", {"User-Agent": "Mobile iOS Safari/1 " * (LONG // 20)}),
}


def test_no_header_or_parameter_blocks_the_event_loop(site):
    client = bare(site)
    slow = {}
    for kind, (path, headers) in REQUESTS.items():
        if times := excess(lambda path=path, headers=headers: client.get(path, headers=headers)):
            slow[kind] = round(times)
    assert slow == {}


def forms() -> dict[str, dict[str, Any]]:
    many = {f"f{n}": "x" for n in range(1_500)}
    return {
        "fields": {"data": many},
        "parts": {
            "data": {name: (BytesIO(b""), "a") for name in list(many)[:110]},
            "content_type": "multipart/form-data",
        },
        "one text": {"data": {"email": "a@" + "b." * 8_000, "password": "x"}},
        "escapes": {"data": b"email=" + b"%E0%A6" * 2_600, "content_type": "application/x-www-form-urlencoded"},
        "boundary": {"data": b"--" * 8_000, "content_type": "multipart/form-data; boundary=" + "-" * 60},
    }


def test_no_form_blocks_the_event_loop(site):
    admin = panel(site)
    slow = {}
    for path in ("/login", "/signup", "/communities/new", "/admin/people/invite"):
        for kind in forms():
            send = partial(admin.client.post, path, headers=admin.headers)
            if times := excess(lambda send=send, kind=kind: send(**forms()[kind])):
                slow[path, kind] = round(times)
    assert slow == {}
