"""Files for browsers: under the name of their content they are kept for good, under their own for a while."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import re
import shutil

import pytest

from koyjabo.web.http import static_files
from koyjabo.web.http.module_graph import imports_of
from koyjabo.web.http.static_files import BUILT, CLIENT, FOLDER, is_bundle

MODULE_LIMIT = 3_500
"""Of js/koyjabo.js in gzip, bytes (3.4 KB; 3 in Brotli): other sites load it too."""


@pytest.fixture(scope="module")
def client(site):
    return site.app.test_client()


@pytest.fixture(scope="module")
def style(client):
    """Where pages find their style."""
    return re.search(r'href="(/static/v-[0-9a-f]{12}/css/[\w+]*site[\w+]*\.css)"', client.get("/login").text)[1]


def test_files_under_the_name_of_their_content_are_kept_for_a_year_and_need_no_tag(client, style):
    for encoding in ("", "gzip", "br"):
        answer = client.get(style, headers={"Accept-Encoding": encoding})
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "ETag" not in answer.headers


def test_home_page_has_its_styles_with_it_and_the_policy_names_their_hash(client):
    answer = client.get("/")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{digest}'; " in answer.headers["Content-Security-Policy"]
    assert len(answer.headers.getlist("Content-Security-Policy")) == 1
    assert 'rel="stylesheet"' not in answer.text
    fonts = re.findall(r"url\((/static/v-[^)]*)\)", style)
    assert fonts
    assert {client.get(address).status_code for address in fonts} == {200}
    assert "sha256" not in client.get("/communities").headers["Content-Security-Policy"]


def test_a_page_of_an_older_version_gets_the_file_of_today_and_does_not_keep_it(client, style):
    older = re.sub("v-[0-9a-f]+", "v-000000000000", style)
    answer = client.get(older)
    assert (answer.data, answer.headers["Cache-Control"]) == (client.get(style).data, "no-cache")


def test_pages_of_others_find_the_client_module_under_one_name(client):
    answer = client.get("/static/js/koyjabo.js", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"  # browsers demand it of modules
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.mimetype == "text/javascript"


def minified(name: str):
    """Where `make assets` has put it; a bundle goes by all that is in it."""
    names = [name, *imports_of(FOLDER, name, "")] if is_bundle(name) else [name]
    source = b"".join((FOLDER / each).read_bytes() for each in sorted(names))
    return BUILT / f"{hashlib.sha256(source).hexdigest()[:16]}{(FOLDER / name).suffix}"


def test_texts_travel_packed_to_those_who_unpack(client):
    for name in ("css/site.css", "js/koyjabo.js", "vendor/uPlot.js", "vendor/icons.svg"):
        accepted = ("", "gzip", "gzip, br")
        plain, packed, brotli = (client.get(f"/static/{name}", headers={"Accept-Encoding": each}) for each in accepted)
        assert [each.headers.get("Content-Encoding") for each in (plain, packed, brotli)] == [None, "gzip", "br"]
        assert gzip.decompress(packed.data) == plain.data
        assert int(packed.headers["Content-Length"]) == len(packed.data)
        assert len(brotli.data) < len(packed.data)
        assert len({each.headers["ETag"] for each in (plain, packed, brotli)}) == 3
        assert all("Accept-Encoding" in each.vary for each in (plain, packed, brotli))


def test_styles_of_a_page_are_one_file(client, style):
    names = ["tokens", "site", "parts", "controls", "print"]
    assert style.endswith(f"/css/{'+'.join(names)}.css")
    parts = [client.get(f"/static/css/{name}.css").data for name in names]
    assert client.get(style).data == b"".join(parts)
    assert client.get("/static/css/site+uPlot.min.css").status_code == 200


def test_nothing_else_is_joined(client):
    odd = (
        "site+no",
        "site+",
        "site+../css/site",
        "site+%2e%2e",
        "+".join(["site"] * 13),
        "site+a%00",
        "../js/page+live",
    )
    for path in ("js/page+live.js", *(f"css/{name}.css" for name in odd)):
        assert client.get(f"/static/{path}").status_code == 404, path


def test_scripts_and_styles_are_sent_minified(client):
    """After `make assets`."""
    sources = [path for folder in ("js", "css") for path in (FOLDER / folder).rglob("*") if path.is_file()]
    assert sources
    for source in sources:
        name = str(source.relative_to(FOLDER))
        assert client.get(f"/static/{name}").data == minified(name).read_bytes()
        if not is_bundle(name):
            assert len(minified(name).read_bytes()) < source.stat().st_size


def test_source_that_has_changed_since_is_sent_itself(client, tmp_path, monkeypatch):
    folder = tmp_path / "static"
    shutil.copytree(FOLDER, folder)
    monkeypatch.setattr(static_files, "FOLDER", folder)
    monkeypatch.setattr(static_files, "BUILT", folder / "min")
    source = folder / "js" / "page.js"
    assert client.get("/static/js/page.js").data != source.read_bytes()
    before = source.stat()
    source.write_text("export const changed = true; // no twin\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert client.get("/static/js/page.js").data == source.read_bytes()


def test_module_for_other_sites_is_small(client):
    answer = client.get("/static/js/koyjabo.js", headers={"Accept-Encoding": "gzip"})
    assert len(answer.data) <= MODULE_LIMIT
    assert "📊 Backend sync" in gzip.decompress(answer.data).decode()


def test_only_the_client_module_imports_its_parts():
    """Others would bring a second copy of them, with a state of its own."""
    own = {name for name in imports_of(FOLDER, CLIENT, "") if name.startswith("js/client/")}
    assert own == {f"js/client/{path.name}" for path in (FOLDER / "js" / "client").iterdir()}
    for path in (FOLDER / "js").rglob("*.js"):
        name = path.relative_to(FOLDER).as_posix()
        if name not in own:
            assert name == CLIENT or not own & set(imports_of(FOLDER, name, "", frozenset({CLIENT}))), name


def test_built_files_are_those_of_now():
    """`make assets` leaves nothing behind of earlier versions."""
    names = [path.relative_to(FOLDER) for folder in ("js", "css") for path in (FOLDER / folder).rglob("*.*s*")]
    assert {path.name for path in BUILT.iterdir() if path.suffix != ".br"} == {
        minified(str(name)).name for name in names
    }


def test_text_is_sent_whole_and_the_rest_in_parts(client):
    whole = client.get("/static/js/page.js", headers={"Range": "bytes=2-5", "Accept-Encoding": "gzip"})
    assert (whole.status_code, whole.headers["Content-Encoding"]) == (200, "gzip")
    part = client.get("/static/card.png", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.data) == (206, b"\x89PNG")


def test_what_a_browser_has_is_not_sent_again(client):
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        first = client.get("/static/css/site.css", headers=headers)
        again = client.get("/static/css/site.css", headers={**headers, "If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


SOURCE = re.compile(r'import "(/static/v-[0-9a-f]{12}/js/service-worker\.js)";\n')


STYLE = re.compile(r'href="(/static/v-[0-9a-f]{12}/)css/')


def test_service_worker_is_looked_for_anew_and_names_the_version_of_the_pages(site):
    answer = site.client.get("/sw.js")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/javascript", "no-cache")
    source = SOURCE.fullmatch(answer.text)[1]
    assert source.startswith(STYLE.search(site.client.get("/login").text)[1])
    assert "immutable" in site.client.get(source).headers["Cache-Control"]


def test_service_worker_may_load_its_modules_and_speak_to_this_server_alone(site):
    policy = site.client.get("/sw.js").headers["Content-Security-Policy"]
    allowed = ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    assert policy.split("; ") == allowed


def test_page_without_a_network_says_so_and_what_there_is(site):
    answer = site.client.get("/offline")
    assert answer.status_code == 200
    for part in ("No network", 'href="">Try again', 'href="/">Back to home'):
        assert part in answer.text
