"""Files for browsers: under the name of their content they are kept for good, under their own for a while."""

from __future__ import annotations

import gzip
import re

import pytest
from support.app_fixtures import Site

from koyjabo.web.http.static_files import FOLDER


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    with Site(f"sqlite:///{folder / 'site.db'}") as site:
        yield site.app.test_client()


@pytest.fixture(scope="module")
def style(client):
    """Where pages find their style."""
    return re.search(r'href="(/static/v-[0-9a-f]{12}/css/site\.css)"', client.get("/").text)[1]


def test_files_under_the_name_of_their_content_are_kept_for_a_year(client, style):
    assert client.get(style).headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_page_of_an_older_version_gets_the_file_of_today_and_does_not_keep_it(client, style):
    older = re.sub("v-[0-9a-f]+", "v-000000000000", style)
    answer = client.get(older)
    assert (answer.data, answer.headers["Cache-Control"]) == (client.get(style).data, "no-cache")


def test_pages_of_others_find_the_client_module_under_one_name(client):
    answer = client.get("/static/js/koyjabo.js", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"  # browsers demand it of modules
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.mimetype == "text/javascript"


@pytest.mark.parametrize("name", ["css/site.css", "js/live.js", "icon.svg"])
def test_texts_travel_packed_to_those_who_unpack(client, name):
    packed = client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == client.get(f"/static/{name}").data == (FOLDER / name).read_bytes()
    assert int(packed.headers["Content-Length"]) == len(packed.data)


def test_what_a_browser_has_is_not_sent_again(client):
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        first = client.get("/static/css/site.css", headers=headers)
        again = client.get("/static/css/site.css", headers={**headers, "If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "name", ["../config.py", "..%2f..%2fconfig.py", "%2e%2e/wiring.py", "/etc/passwd", "css", "no.js"]
)
@pytest.mark.parametrize("folder", ["/static/", "/static/v-0/"])
def test_nothing_else_is_served(client, folder, name):
    assert client.get(folder + name).status_code == 404
