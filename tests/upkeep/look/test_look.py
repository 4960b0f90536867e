"""The look of a site: one colour and a mark, on everything that visitors see of it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from struct import pack
from urllib.parse import parse_qsl, urlencode, urlsplit
from zlib import crc32

import pytest
from PIL import Image
from support.application.commands import koyjabo
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import Reader, words
from support.programs.processes import ROOT

from koyjabo.base.colours.palette import DEFAULT_PALETTE, OTHER_COLOUR, palette_of
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.settings.schema import Settings
from koyjabo.upkeep.look.mark import MAX_MARK_BYTES, mark_of
from koyjabo.upkeep.look.picture import card
from koyjabo.upkeep.look.site_marks import SiteMarks
from koyjabo.web.i18n import number_in

ORANGE = "#ff7700"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><circle r="1"/></svg>'
NAMESPACE = "http://www.w3.org/2000/svg"
PREVIEW = re.compile(r'<meta property="og:image" content="http://[^/]+(.+?)">')
PAGES = ("/", "/login", "/receipt", "/communities", "/offline")


def png(width: int = 4, height: int = 4) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


def picture(site: Site, path: str) -> Image.Image:
    return Image.open(BytesIO(site.client.get(path).data)).convert("RGB")


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def upload(admin: Reader, content: bytes, status: int = 303, **fields: str) -> str:
    return admin.send("/admin/server/settings/name", status, mark=(BytesIO(content), "mark"), **fields)


def test_the_colour_of_a_site_is_on_its_pages_icons_badges_and_preview(sqlite_database):
    palette = palette_of(ORANGE)
    with Site(sqlite_database.url, SITE_COLOUR="F70", PUBLIC_URL="https://live.example.com") as site:
        for path in (*PAGES, "/embed"):
            assert palette.style() in site.client.get(path).text, path
        assert f'content="{palette.ground.light}"' in site.client.get("/").text
        assert f'fill="{ORANGE}"' in site.client.get("/badge.svg").text
        assert ORANGE in site.client.get("/icon.svg").text
        assert site.client.get("/manifest.webmanifest").json["theme_color"] == ORANGE
        card, icon = (picture(site, path) for path in ("/card.png", "/icon-192.png"))
        assert (card.size, icon.size) == ((1200, 630), (192, 192))
        assert card.getpixel((0, 0)) == icon.getpixel((0, 0)) == (0xFF, 0x77, 0x00)
        assert f"{card.getpixel((440, 360))[0]:02x}" == palette.disc_fill.light[1:3]
        assert 'content="https://live.example.com/card.png?v=' in site.client.get("/").text


def test_a_number_and_the_home_page_are_shared_with_a_picture_of_the_number(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4_000, SITE_NAME="Rail", SITE_COLOUR="F70") as site:
        share = site.register("ayesha").share
        for path, number in ((share, 4_001), ("/", 4_001), ("/login", None)):
            address = PREVIEW.search(site.client.get(path).text)[1].replace("&amp;", "&")
            assert dict(parse_qsl(urlsplit(address).query)).get("n") == (number and str(number))
            assert has_flaps(picture(site, address)) == (number is not None)
            sizes = re.findall(r'"og:image:(?:width|height)" content="(\d+)"', site.client.get(path).text)
            assert tuple(map(int, sizes)) == picture(site, address).size
        pictures = [site.client.get(f"/card.png?n={query}") for query in ("4001", "4000", "4001&lang=bn")]
        assert len({answer.data for answer in pictures}) == 3
        assert pictures[0].headers["Cache-Control"] == "public, max-age=86400"
        plain = site.client.get("/card.png").data
        for query in ("0", "x", "4002", "9" * 99):  # the last two may be reached on another worker
            unknown = site.client.get(f"/card.png?n={query}")
            caching = "no-store" if query.startswith(("4", "9")) else "public, max-age=300"
            assert (unknown.data, unknown.headers["Cache-Control"]) == (plain, caching)


def test_the_share_picture_shows_a_number_of_any_length():
    numbers = [number_in(code, 10**digits - 1) for code in ("en", "bn") for digits in range(1, 13)]
    pictures = [card(DEFAULT_PALETTE, "", number) for number in numbers]
    assert len(set(pictures)) == 24
    assert all(has_flaps(Image.open(BytesIO(content)).convert("RGB")) for content in pictures)


def has_flaps(drawn: Image.Image) -> bool:
    """Whether the middle of the picture has white digits on dark tiles."""
    brightness = drawn.crop((400, 320, 800, 400)).convert("L").tobytes()
    return 255 in brightness and brightness.count(0) > 100  # only the line across a tile is black


def test_only_the_default_name_without_a_colour_has_the_colours_of_the_flag():
    def of(**values: str):
        return Settings.model_validate(values).palette

    assert of() is DEFAULT_PALETTE
    assert of(SITE_NAME="Koy Jabo") is DEFAULT_PALETTE
    assert of(SITE_COLOUR=ORANGE) == of(SITE_COLOUR=ORANGE, SITE_NAME="Rail") == palette_of(ORANGE)
    assert of(SITE_NAME="Rail") not in (DEFAULT_PALETTE, palette_of(ORANGE))


@pytest.mark.parametrize("content", [b"<?xml version='1.0'?><!-- a mark -->" + SVG, png()], ids=["svg", "png"])
def test_a_mark_is_on_all_pages_until_an_admin_removes_it(site, content):
    admin = panel(site)
    upload(admin, content)
    mark = site.services[SiteMarks].mark
    address = f"/mark/{mark.digest}.{mark.kind}"
    for path in PAGES:
        assert f'<img src="{address}"' in site.client.get(path).text, path
    answer = site.client.get(address)
    assert (answer.data, answer.mimetype) == (mark.content, mark.media_type)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")
    admin.send("/admin/server/settings/name", remove_mark="on")
    assert address not in site.client.get("/").text
    assert site.client.get(address).status_code == 404
    assert [row[0] for row in site.rows("SELECT action FROM audit_log ORDER BY id DESC LIMIT 2")] == [
        "mark.remove",
        "mark.change",
    ]


def test_the_preview_has_the_colours_that_the_site_would_have(site):
    def preview(**query: str) -> str:
        answer = admin.client.get(f"/admin/server/colours?{urlencode(query)}", headers=admin.headers)
        assert answer.status_code == (400 if "blue" in query.values() else 200)
        return answer.text

    admin = panel(site)
    assert preview() == preview(SITE_NAME="") == DEFAULT_PALETTE.style()
    assert preview(SITE_NAME="Rail") == palette_of(OTHER_COLOUR).style()
    assert preview(SITE_COLOUR=ORANGE) == palette_of(ORANGE).style()
    preview(SITE_COLOUR="blue")


def chunks(header: bytes) -> bytes:
    """A PNG with this header, which has the right checksums."""
    parts = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    return png()[:8] + b"".join(
        pack(">I", len(data)) + name + data + pack(">I", crc32(name + data)) for name, data in parts
    )


def with_two_headers() -> bytes:
    """A decoder that believes the first header unpacks 60,000 pixels a line."""
    large, small = (pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0) for size in (60_000, 9))
    header = pack(">I", 13) + b"IHDR" + small + pack(">I", crc32(b"IHDR" + small))
    whole = chunks(large)
    return whole[:33] + header + whole[33:]


def damaged_png() -> bytes:
    whole = png()
    return whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"<html></html>", b"<svg></svg>", b"GIF89a", SVG[:-3], damaged_png(), png()[:-12], png() + b"<script>"),
        *(png(2049, 1), SVG + b" " * MAX_MARK_BYTES, chunks(b""), chunks(bytes(13)), with_two_headers()),
        b'<!DOCTYPE svg [<!ENTITY a "'
        + b"a" * 1000
        + b'">'
        + bytes(f'<!ENTITY b "{"&a;" * 1000}"><!ENTITY c "{"&b;" * 1000}">]>', "ascii")
        + SVG.replace(b"<circle", b"&c;<circle"),
    ],
)
def test_a_file_that_is_no_small_picture_is_refused_and_changes_nothing(content):
    with pytest.raises(InvalidInput) as refused:
        mark_of(content)
    assert list(refused.value.details) == ["mark"]


def test_the_form_of_a_refused_mark_is_shown_again_with_the_reason(site):
    assert 'id="mark-error"' in upload(panel(site), b"GIF89a", 422)
    assert site.services[SiteMarks].mark is None


def test_every_server_of_a_site_shows_the_stored_mark(database):
    with Site(database.url) as one, Site(database.url) as other:
        one.services[SiteMarks].change(OPERATOR, mark_of(SVG))
        assert other.client.get(f"/mark/{mark_of(SVG).digest}.svg").data == mark_of(SVG).content
        assert other.services[SiteMarks].mark == one.services[SiteMarks].mark == mark_of(SVG)
        one.services[SiteMarks].change(OPERATOR, None)
        other.services[SiteMarks].refresh()
        assert other.services[SiteMarks].mark is None


@pytest.mark.both_kinds
def test_all_servers_show_the_last_of_two_simultaneous_changes_of_the_mark(database):
    marks = [mark_of(png(width)) for width in (1, 2, 3)]
    with Site(database.url) as one, Site(database.url) as other, ThreadPoolExecutor(4) as admins:
        both = one.services[SiteMarks], other.services[SiteMarks]
        list(admins.map(lambda turn: both[turn % 2].change(OPERATOR, [*marks, None][turn % 4]), range(60)))
        both[0].change(OPERATOR, marks[0])
        both[1].refresh()
        assert both[1].mark == both[0].mark == marks[0]


def drawing(inside: str, head: str = "", **attributes: str) -> bytes:
    spaces = f'xmlns="{NAMESPACE}" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:ink="http://ink.example"'
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"{head}<svg {spaces}{more}>{inside}</svg>".encode()


REFUSED = {
    "DOCTYPE": drawing("<g/>", '<!DOCTYPE svg [<!ENTITY a "b">]>'),
    "<?xml-stylesheet?>": drawing("<g/>", '<?xml-stylesheet href="a.css"?>'),
    "onload": drawing("<g/>", onload="run()"),
    "clip-path in <clipPath>": drawing('<clipPath id="a"><g clip-path="url(#a)"/></clipPath>'),
    "stroke-dasharray": drawing('<path style="stroke-dasharray:1 2"/>'),
    "filter": drawing('<g filter="url(#a)"/>'),
    "url(": drawing('<path fill="url(https://a.example/#b)"/>'),
    "#a": drawing('<g id="a"/><path fill="url(#a)"/>'),
    "#b": drawing('<path fill="url(#b)"/>'),
    "href": drawing('<linearGradient xlink:href="https://a.example/#b"/>'),
    "2,000": drawing("<g/>" * 2_000),
    "20 deep": drawing("<g>" * 20 + "</g>" * 20),
    **{
        f"<{name}>": drawing(f"<{name}/>")
        for name in (
            *("text", "use", "symbol", "image", "mask", "filter", "pattern", "marker", "a", "style", "script", "set"),
            *("animate", "foreignObject", "switch", "svg"),
        )
    },
}

FUNCTIONS = [
    *("image-set", "image", "src", "cross-fade", "element", "paint", "attr", "-webkit-image-set", "-webkit-cross-fade"),
    *("IMAGE", "URL", "x-url", "url/**/", "1/*;color:src", "var(--a,image"),
]
"""The beginnings of values that another file could be loaded by."""


def test_a_costly_part_of_a_drawing_is_refused_and_named():
    for part, content in REFUSED.items():
        with pytest.raises(InvalidInput) as refused:
            mark_of(content)
        assert part in refused.value.details["mark"]
    for function in FUNCTIONS:
        for file in ("'https://a.example/#b'", "url(#a)"):
            with pytest.raises(InvalidInput):
                mark_of(drawing(f'<linearGradient id="a"/><g style="fill:{function}({file} 1x)"/>'))


def test_a_drawing_keeps_its_shapes_and_loses_metadata_comments_and_foreign_namespaces():
    """Inkscape, Illustrator and Figma write such files."""
    gradient = '<linearGradient id="a"><stop offset="0" style="stop-color:#123;stop-opacity:1"/></linearGradient>'
    other = '<radialGradient id="b" xlink:href="#a" gradientUnits="userSpaceOnUse"/>'
    clip = '<clipPath id="c"><rect width="9" height="9"/></clipPath>'
    colour = 'stroke="RGBA(0,0,0,var(--a, 1))"'
    title = "<title>Ours &amp;&#13;theirs</title>"
    path = f'<g clip-path="url(#c)" {colour}>{title}<path style="fill:url(#b)" d="M0 0h9"/></g>'
    kept = f"<defs>{gradient}{other}{clip}</defs>{path}"
    noise = '<!-- drawn --><metadata><ink:a/><?xpacket?></metadata><ink:view x="1"><path d="M0"/></ink:view>'
    style = "fill:url(#b);stroke-dasharray:none;-ink-a:b;stroke:u\\72l(a)"
    styled = kept.replace('style="fill:url(#b)"', f'class="st0" ink:label="x" style="{style}"')
    stored = mark_of(drawing(noise + styled, "<?xml version='1.0' encoding='utf-8'?>", viewBox="0 0 9 9")).content
    head = f'<svg xmlns="{NAMESPACE}" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
    assert stored.decode() == f"{head}{kept}</svg>"
    assert mark_of(stored).content == stored


@pytest.mark.long(
    proved_by="upkeep/look/test_look.py::test_a_drawing_keeps_its_shapes_and_loses_metadata_comments_and_foreign_namespaces"
)
def test_every_icon_of_a_well_known_set_is_a_mark():
    icons = [*(ROOT / "node_modules" / "lucide-static" / "icons").glob("*.svg")]
    assert len(icons) > 1_000
    for icon in icons:
        mark = mark_of(icon.read_bytes())
        assert mark_of(mark.content) == mark


def test_a_stored_mark_that_is_now_refused_is_not_shown(site):
    site.services[SiteMarks].change(OPERATOR, mark_of(SVG))
    site.rows("UPDATE site_marks SET digest = 'other', content = :content", content=REFUSED["<script>"])
    site.services[SiteMarks].refresh()
    assert 'src="/mark/' not in site.client.get("/").text
    assert "Mark is not in use. An SVG has only shapes" in words(panel(site).get("/admin/server"))
    removed = koyjabo("mark", "--remove", DATABASE_URL=site.database_url)
    assert (removed.exit_code, removed.output) == (0, "The site has no mark.\n")
    site.services[SiteMarks].refresh()
    assert site.services[SiteMarks].problem == ""
