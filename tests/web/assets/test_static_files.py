"""Static files: cached forever under a name with their hash, briefly under their own name."""

import base64
import gzip
import hashlib
import json
import re
import shutil

import pytest

from koyjabo.web.assets import static_files
from koyjabo.web.assets.static_files import NEEDED_FILES, PACKAGE, STATIC_FOLDER, UnusableAssets

BUILT = STATIC_FOLDER / "min"
MANIFEST = json.loads((BUILT / "manifest.json").read_text())
CLIENT = "counting/koyjabo.js"
CLASSIC = "counting/koyjabo-count.all.js"
MODULE_LIMIT, WHOLE_LIMIT = 3_930, 8_010
"""Maximum compressed sizes of the client module, in bytes: by itself, and with all modules that it may load later."""


@pytest.fixture(scope="module")
def client(site):
    return site.app.test_client()


@pytest.fixture(scope="module")
def style(client):
    """The style sheet that pages link to."""
    return re.search(r'href="(/static/v-[0-9a-f]{12}/webkit/pages/base\.css)"', client.get("/login").text)[1]


def test_a_file_is_cached_for_a_year_under_its_hash_and_not_at_all_under_an_older_hash(client, style):
    for encoding in ("", "gzip", "br"):
        answer = client.get(style, headers={"Accept-Encoding": encoding})
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "ETag" not in answer.headers
    older = client.get(re.sub("v-[0-9a-f]+", "v-000000000000", style))
    assert (older.data, older.headers["Cache-Control"]) == (client.get(style).data, "no-cache")


def test_the_home_page_contains_its_styles_and_its_policy_has_their_hash(client):
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


def test_the_client_module_has_one_name_for_pages_of_other_sites(client):
    headers = {"Origin": "https://elsewhere.example"}
    answer = client.get("/static/js/koyjabo.js", headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"  # browsers require it for modules
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.mimetype == "text/javascript"
    again = client.get("/static/js/koyjabo.js", headers={**headers, "If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_text_files_are_compressed_with_the_encodings_of_the_browser(client):
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


def test_the_built_files_are_up_to_date_and_minified(client):
    """Requires `make assets`, which removes files of earlier versions."""
    built = {path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*") if path.is_file()} - {"manifest.json"}
    texts = {name for name in MANIFEST["names"] if (STATIC_FOLDER / name).suffix in static_files.TEXT_SUFFIXES}
    assert built == {name + packing for name in texts for packing in ("", ".br", ".gz")}
    sources = {name for name in texts if name.endswith((".js", ".css")) and "vendor/" not in name}
    assert len(sources) > 90
    for name in sources:
        source = STATIC_FOLDER / name
        sent = client.get(f"/static/{name}").data
        assert sent == (BUILT / name).read_bytes()
        if source.parent.name != "pages" and name not in (CLIENT, CLASSIC):
            assert len(sent) < source.stat().st_size


ASSET = re.compile(r"""\b(?:asset|has_asset|stylesheet|inline_stylesheet|module|bundle)\((["'])([^"']+\.\w+)\1\)""")


def test_the_templates_name_only_files_that_exist():
    templates = [*(STATIC_FOLDER.parent / "templates").rglob("*.html")]
    named = {name for path in templates for _, name in ASSET.findall(path.read_text())}
    assert len(named) > 40
    assert named - set(MANIFEST["names"]) == set()


def test_the_client_module_has_at_most_its_limit_of_bytes(client):
    answer = client.get("/static/js/koyjabo.js", headers={"Accept-Encoding": "gzip"})
    text = gzip.decompress(answer.data).decode()
    later = re.findall(r'import\("\./([\w-]+\.js)"\)', text)
    sizes = [len(client.get(f"/static/js/{name}", headers={"Accept-Encoding": "gzip"}).data) for name in later]
    assert len(sizes) == 3
    assert len(answer.data) <= MODULE_LIMIT
    assert len(answer.data) + sum(sizes) <= WHOLE_LIMIT


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


def test_scripts_and_style_sheets_only_import_files_of_lower_features():
    imports = {
        (name, other) for key in ("preloads", "bundled") for name, all_ in MANIFEST[key].items() for other in all_
    }
    for sheet in STATIC_FOLDER.rglob("*.css"):
        name = sheet.relative_to(STATIC_FOLDER)
        if name.parts[0] in FEATURES:
            others = [(sheet.parent / other).resolve() for other in IMPORTED.findall(sheet.read_text())]
            imports |= {(name.as_posix(), other.relative_to(STATIC_FOLDER).as_posix()) for other in others}
    height = {feature: number for number, feature in enumerate(["vendor", *FEATURES])}
    assert len(imports) > 2 * len(FEATURES)
    assert [pair for pair in imports if height[pair[1].split("/")[0]] > height[pair[0].split("/")[0]]] == []


SOURCE = re.compile(r'import "(/static/v-[0-9a-f]{12}/counting/service-worker\.js)";\n')


def test_the_service_worker_is_revalidated_and_may_only_load_its_modules_and_call_this_server(client, style):
    answer = client.get("/sw.js")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/javascript", "no-cache")
    allowed = ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    assert answer.headers["Content-Security-Policy"].split("; ") == allowed
    source = SOURCE.fullmatch(answer.text)[1]
    assert source.startswith(style.removesuffix("webkit/pages/base.css")), "the version of the pages"
    assert "immutable" in client.get(source).headers["Cache-Control"]


def test_the_error_for_a_missing_or_broken_file_names_the_file(monkeypatch, tmp_path):
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
