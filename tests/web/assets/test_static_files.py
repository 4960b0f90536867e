"""Static files: cached forever under a name with their hash, briefly under their own name. Colours have contrast."""

import base64
import gzip
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from koyjabo.web.assets import static_files
from koyjabo.web.assets.static_files import STATIC_FOLDER

BUILT = STATIC_FOLDER / "min"
MANIFEST = json.loads((BUILT / "manifest.json").read_text())
CLIENT = "counting/koyjabo-client.3.js"
CLASSIC = "counting/koyjabo-count.all.js"
STORAGE = "counting/client/storage.js"
SHARED = "counting/client/shared.js"
BEFORE = "counting/before/"
LINE = "counting/koyjabo-line.js"
PARTS = ("client", "debug", "own", "pages", "queue", "stream")

STYLE = (STATIC_FOLDER / "webkit" / "tokens.css").read_text()
COLOURS = {
    name: dict(zip(("light", "dark"), values, strict=True))
    for name, *values in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE)
}
SURFACES = ("sunken", "surface", "raised", "overlay")
STATES = ("accent", "good", "warning", "danger", "info")


@pytest.fixture(scope="module")
def client(site):
    return site.app.test_client()


@pytest.fixture(scope="module")
def style(client):
    """The style sheet that pages link to."""
    return re.search(r'href="(/static/v-[0-9a-f]{12}/webkit/pages/base\.css)"', client.get("/login").text)[1]


def test_a_file_is_cached_for_a_year_only_under_its_current_hash(client, style):
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
    assert answer.headers["Cache-Control"] == "public, max-age=300, stale-while-revalidate=86400"
    assert answer.mimetype == "text/javascript"
    again = client.get("/static/js/koyjabo.js", headers={**headers, "If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/static/vendor/icons.svg").headers["Cache-Control"] == "public, max-age=300"


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
        if source.parent.name != "pages" and name not in (CLIENT, CLASSIC, LINE):
            assert len(sent) < source.stat().st_size


def test_only_the_client_module_imports_its_parts():
    """Other importers would load a second copy with separate state. The storage has none but what all copies share."""
    own = {name for name in MANIFEST["bundled"][CLIENT] if name.startswith("counting/client/")}
    assert own == {f"counting/client/{path.name}" for path in (STATIC_FOLDER / "counting" / "client").iterdir()}
    for name, imported in MANIFEST["preloads"].items():
        assert name in own or not own & set(imported) - {STORAGE, SHARED}, name


def test_only_one_script_names_the_storage_of_browsers():
    names = {name for name in MANIFEST["names"] if name.endswith(".js") and not name.startswith(("vendor/", BEFORE))}
    texts = {name: re.sub(r"/\*[\s\S]*?\*/|//.*", "", (STATIC_FOLDER / name).read_text()) for name in names}
    assert {name for name, text in texts.items() if re.search("(local|session)Storage", text)} == {STORAGE}


def test_only_heartbeats_are_sent_as_beacons():
    """A rule of content blockers matches events that are beacons."""
    scripts = STATIC_FOLDER.glob("counting/**/*.js")
    assert {path.name for path in scripts if "sendBeacon" in path.read_text()} == {"koyjabo-stream.2.js"}


def test_other_sites_import_only_scripts_whose_name_has_the_number_of_their_contract():
    texts = [path.read_text() for path in (BUILT / "counting").glob("koyjabo*.js")]
    imported = {part for text in texts for part in re.findall(r'\b(?:from|import)\s*\(?\s*"([^"]+)"', text)}
    assert {re.sub(r"\d+", "N", part) for part in imported} == {f"./koyjabo-{part}.N.js" for part in PARTS}
    assert all((BUILT / "counting" / part).is_file() for part in imported)


def test_the_line_imports_parts_with_one_function_by_the_numbers_of_their_contracts():
    text = (BUILT / LINE).read_text()
    assert text.count("import(") == 1
    (function,) = re.findall(r"([\w$]+)=async \w+=>import\(", text)
    given = re.findall(rf"(?<![\w$#]){re.escape(function)}\(([^)]*)\)", text)
    assert {re.sub(r"\d+", "N", name) for name in given} == {f'"koyjabo-{part}.N.js"' for part in PARTS[1:]}
    assert all((BUILT / "counting" / json.loads(name)).is_file() for name in given)


def test_the_scripts_of_first_and_later_pages_are_small():
    """Bytes in Brotli: of a first page with the line, of its first later page, and of a first page with the module."""
    names = {path.name.removesuffix(".br"): path.stat().st_size for path in (BUILT / "counting").glob("koyjabo*.br")}
    assert names["koyjabo-line.js"] <= 7_150
    assert names["koyjabo-queue.3.js"] <= 3_400
    assert names["koyjabo-client.3.js"] + names["koyjabo-count.js"] <= 7_500


def test_the_scripts_of_the_release_before_find_what_they_import(client):
    exported = re.search(r"export\{(.*?)\}", client.get("/static/js/koyjabo.js").text)[1]
    assert set(re.findall(r"\bas (\w+)", exported)) == {"isNewer", "KoyJabo", "Line", "serverAt"}
    for path in (BUILT / BEFORE).glob("*.js"):
        for folder in ("js", "counting", "v-000000000000/counting"):  # also for pages that are open
            assert client.get(f"/static/{folder}/{path.name}").data == path.read_bytes()


def test_every_numbered_part_of_a_release_is_kept():
    *releases, current = tomllib.loads(Path(__file__).with_name("numbered_parts.toml").read_text())["release"]
    served, kept = ({path.name for path in (BUILT / folder).glob("koyjabo-*.js")} for folder in ("counting", BEFORE))
    assert {name for name in served if re.search(r"\d", name)} == {f"koyjabo-{part}.js" for part in current["parts"]}
    for release in releases:
        assert {f"koyjabo-{part}.js" for part in release["parts"]} <= served | kept, release["name"]


SOURCE = re.compile(r'import "(/static/v-[0-9a-f]{12}/counting/service-worker\.js)";\n')


def test_the_service_worker_is_revalidated_and_restricted_to_its_modules_and_this_server(client, style):
    answer = client.get("/sw.js")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/javascript", "no-cache")
    allowed = ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    assert answer.headers["Content-Security-Policy"].split("; ") == allowed
    source = SOURCE.fullmatch(answer.text)[1]
    assert source.startswith(style.removesuffix("webkit/pages/base.css")), "the version of the pages"
    assert "immutable" in client.get(source).headers["Cache-Control"]


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, definitions)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(theme: str, one: str, other: str) -> float:
    darker, lighter = sorted(luminance(COLOURS[name][theme]) for name in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def below(theme: str, pairs: Any, least: float) -> dict[tuple[str, str], float]:
    return {pair: ratio for pair in pairs if (ratio := contrast(theme, *pair)) < least}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_edges_have_enough_contrast_on_every_surface(theme):
    pairs = [(word, surface) for word in ("ink", "quiet", *STATES) for surface in SURFACES]
    pairs += [("on-accent", "accent"), *((word, "accent-soft") for word in ("ink", "quiet"))]
    assert below(theme, [*pairs, *((state, f"{state}-soft") for state in STATES)], 4.5) == {}
    pairs = [(edge, surface) for edge in ("edge-strong", "focus") for surface in SURFACES]
    assert below(theme, pairs, 3) == {}
