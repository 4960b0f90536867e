"""Static files: cached forever under a name with their hash, briefly under their own name."""

import base64
import gzip
import hashlib
import json
import re
import shutil

import pytest
from flask import Flask

from koyjabo.web.assets import static_files
from koyjabo.web.assets.static_files import NEEDED_FILES, PACKAGE, STATIC_FOLDER, UnusableAssets

BUILT = STATIC_FOLDER / "min"
MANIFEST = json.loads((BUILT / "manifest.json").read_text())
CLIENT = "counting/koyjabo.js"
CLASSIC = "counting/koyjabo-count.all.js"
MODULE_LIMIT = 3_930
"""Maximum gzipped size of the client module in bytes: other sites load it. 190 bytes take the campaign out of a page's
address, and replace the path that was sent. 30 bytes find a server below a path. 155 bytes load page numbers. 290 bytes
begin again after `stop`, and count later; the lines for the console are in a file that is loaded on demand.
"""

WHOLE_LIMIT = 8_010
"""The same with all modules that it may load later. 50 bytes say how long a visit waited; the age limit is gone. 50
bytes report what content blockers would stop as beacons. 1,510 bytes are for page numbers, 95 for copies of the script.
"""


@pytest.fixture(scope="module")
def client(site):
    return site.app.test_client()


@pytest.fixture(scope="module")
def style(client):
    """The style sheet that pages link to."""
    return re.search(r'href="(/static/v-[0-9a-f]{12}/webkit/pages/base\.css)"', client.get("/login").text)[1]


def test_files_with_a_content_hash_are_cached_for_a_year(client, style):
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


def test_page_of_an_older_version_gets_the_current_file_uncached(client, style):
    older = re.sub("v-[0-9a-f]+", "v-000000000000", style)
    answer = client.get(older)
    assert (answer.data, answer.headers["Cache-Control"]) == (client.get(style).data, "no-cache")


def test_pages_of_others_find_the_client_module_under_one_name(client):
    answer = client.get("/static/js/koyjabo.js", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"  # browsers require it for modules
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.mimetype == "text/javascript"


def test_texts_travel_packed_to_those_who_unpack(client):
    for name in ("webkit/site.css", CLIENT, "vendor/uPlot.js", "vendor/icons.svg"):
        accepted = ("", "gzip", "gzip, br")
        plain, packed, brotli = (
            client.get(f"/static/{name}", headers={"Accept-Encoding": encoding}) for encoding in accepted
        )
        assert [answer.headers.get("Content-Encoding") for answer in (plain, packed, brotli)] == [None, "gzip", "br"]
        assert gzip.decompress(packed.data) == plain.data
        assert int(packed.headers["Content-Length"]) == len(packed.data)
        assert len(brotli.data) < len(packed.data)
        assert len({answer.headers["ETag"] for answer in (plain, packed, brotli)}) == 3
        assert all("Accept-Encoding" in answer.vary for answer in (plain, packed, brotli))


def test_styles_of_a_page_are_one_file(client, style):
    """It contains the sheets that its source imports."""
    names = re.findall(r'@import "\.\./(\w+\.css)";', (STATIC_FOLDER / "webkit/pages/base.css").read_text())
    assert len(names) > 3
    parts = [client.get(f"/static/webkit/{name}").text for name in names]
    joined = client.get(style).text
    assert "@import" not in joined
    assert joined.count("{") == sum(part.count("{") for part in parts)


def test_scripts_and_styles_are_sent_minified(client):
    """Requires `make assets`."""
    sources = [
        STATIC_FOLDER / name for name in MANIFEST["names"] if name.endswith((".js", ".css")) and "vendor/" not in name
    ]
    assert len(sources) > 90
    for source in sources:
        name = source.relative_to(STATIC_FOLDER).as_posix()
        sent = client.get(f"/static/{name}").data
        assert sent == (BUILT / name).read_bytes()
        if source.parent.name != "pages" and name not in (CLIENT, CLASSIC):
            assert len(sent) < source.stat().st_size


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the files that a test may change."""
    copy = tmp_path / "static"
    shutil.copytree(STATIC_FOLDER, copy)
    monkeypatch.setattr(static_files, "STATIC_FOLDER", copy)
    return copy


def in_production():
    """A client of an application that starts with the current files."""
    app = Flask("static files", static_folder=None)
    app.register_blueprint(static_files.bp)
    static_files.set_up(app, is_development=False)
    return app.test_client()


def test_server_does_not_start_with_only_some_built_files(folder):
    (folder / "min" / "webkit" / "page.js").unlink()
    sentence = r"manifest.json names webkit/page.js, which is not in the same folder. Run `make assets`"
    with pytest.raises(LookupError, match=sentence):
        in_production()


ASSET = re.compile(r"""\b(?:asset|has_asset|stylesheet|inline_stylesheet|module|bundle)\((["'])([^"']+\.\w+)\1\)""")


def test_templates_name_files_that_are_there():
    templates = [*(STATIC_FOLDER.parent / "templates").rglob("*.html")]
    named = {name for path in templates for _, name in ASSET.findall(path.read_text())}
    assert len(named) > 40
    assert named - set(MANIFEST["names"]) == set()


def test_module_for_other_sites_is_small(client):
    answer = client.get("/static/js/koyjabo.js", headers={"Accept-Encoding": "gzip"})
    text = gzip.decompress(answer.data).decode()
    later = re.findall(r'import\("\./([\w-]+\.js)"\)', text)
    sizes = [len(client.get(f"/static/js/{name}", headers={"Accept-Encoding": "gzip"}).data) for name in later]
    assert len(sizes) == 3
    assert (len(answer.data) <= MODULE_LIMIT, len(answer.data) + sum(sizes) <= WHOLE_LIMIT) == (True, True), (
        len(answer.data),
        sizes,
    )
    assert "📊 Backend sync" not in text, "the lines for the console are loaded on demand"
    assert "📊 Backend sync" in client.get("/static/js/koyjabo-debug.js").text


def test_only_the_client_module_imports_its_parts():
    """Other importers would load a second copy with separate state."""
    own = {name for name in MANIFEST["bundled"][CLIENT] if name.startswith("counting/client/")}
    assert own == {f"counting/client/{path.name}" for path in (STATIC_FOLDER / "counting" / "client").iterdir()}
    for name, imported in MANIFEST["preloads"].items():
        assert name in own or not own & set(imported), name


IMPORTED = re.compile(r'@import "([^"]+)";')
FEATURES = [
    *("webkit", "accounts", "counting", "realtime", "communities", "api_keys", "badges"),
    *("reports", "visit_log", "receipts", "getting_started", "home", "panel"),
]


def test_scripts_only_import_scripts_of_features_below():
    height = {feature: number for number, feature in enumerate(FEATURES)}
    scripts = {**MANIFEST["preloads"], **MANIFEST["bundled"]}
    folders = {
        (name.partition("/")[0], import_.partition("/")[0]) for name, all_ in scripts.items() for import_ in all_
    }
    assert [(name, other) for name, other in folders if height[other] > height[name]] == []


def test_style_sheets_only_import_style_sheets_of_features_below():
    height = {feature: number for number, feature in enumerate(["vendor", *FEATURES])}
    sheets = [path for path in STATIC_FOLDER.rglob("*.css") if path.relative_to(STATIC_FOLDER).parts[0] in FEATURES]
    imported = [
        (path, (path.parent / name).resolve()) for path in sheets for name in IMPORTED.findall(path.read_text())
    ]
    folders = {tuple(path.relative_to(STATIC_FOLDER).parts[0] for path in pair) for pair in imported}
    assert len(folders) > len(FEATURES) / 2
    assert [(name, other) for name, other in folders if height[other] > height[name]] == []


def test_built_files_are_up_to_date():
    """`make assets` removes files of earlier versions."""
    built = {path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*") if path.is_file()} - {"manifest.json"}
    texts = {name for name in MANIFEST["names"] if (STATIC_FOLDER / name).suffix in static_files.TEXT_SUFFIXES}
    assert built == {name + packing for name in texts for packing in ("", ".br", ".gz")}


def test_file_that_a_browser_has_is_not_sent_again(client):
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        first = client.get("/static/webkit/site.css", headers=headers)
        again = client.get("/static/webkit/site.css", headers={**headers, "If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


SOURCE = re.compile(r'import "(/static/v-[0-9a-f]{12}/counting/service-worker\.js)";\n')


def test_service_worker_is_revalidated_and_names_the_version_of_the_pages(client, style):
    answer = client.get("/sw.js")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/javascript", "no-cache")
    source = SOURCE.fullmatch(answer.text)[1]
    assert source.startswith(style.removesuffix("webkit/pages/base.css"))
    assert "immutable" in client.get(source).headers["Cache-Control"]


def test_service_worker_may_only_load_its_modules_and_call_this_server(site):
    policy = site.client.get("/sw.js").headers["Content-Security-Policy"]
    allowed = ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    assert policy.split("; ") == allowed


def test_page_without_a_network_says_so_and_what_there_is(site):
    answer = site.client.get("/offline")
    assert answer.status_code == 200
    for part in ("No network", 'href="">Try again', 'href="/">Back to home'):
        assert part in answer.text


def test_a_file_that_pages_need_is_found_missing_or_broken_by_name(monkeypatch, tmp_path):
    package = tmp_path / "koyjabo"
    for name in NEEDED_FILES:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(static_files, "PACKAGE", package)

    def copy() -> None:
        for name in NEEDED_FILES:
            shutil.copy(PACKAGE / name, package / name)

    for name in NEEDED_FILES:
        copy()
        static_files.require_all()
        file = package / name
        contents = [b"", file.read_bytes()[:1000]] if file.suffix == ".mo" else [b""]
        for content in contents:
            file.write_bytes(content)
            with pytest.raises(UnusableAssets, match=f"koyjabo/{name} is missing or broken. Run `make assets`."):
                static_files.require_all()
        file.unlink()
        with pytest.raises(UnusableAssets, match=name):
            static_files.require_all()
