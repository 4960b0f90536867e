"""Connect shows the code to copy for every look, with this server's address. The panel of a new site links to it."""

import re
from html import unescape

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import Reader, words
from support.programs.processes import ROOT

from koyjabo.base.core.identity import OPERATOR
from koyjabo.site.looks import LOOKS
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

PLACEHOLDER = "https://koyjabo.example"
COPIED_LINE = re.compile(r"^ *(<iframe .*|<img .*|<koyjabo-count.*</script>)$", re.MULTILINE)
OF_A_SERVER = re.compile(r"https?://[\w.:]+(?=/(?:embed|badge\.svg|koyjabo\.gif|static))")
CODE = re.compile(r"<pre[^>]*><code>(.*?)</code></pre>", re.DOTALL)
COPIED = re.compile(r'data-copy="([^"]*)"')


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000) as site:
        yield site


def snippets(page: str) -> list[str]:
    codes = [unescape(code) for code in CODE.findall(page)]
    assert [unescape(code) for code in COPIED.findall(page)] == codes
    return codes


def codes(site) -> str:
    """The code of all looks."""
    admin = panel(site)
    return "\n".join(code for look in LOOKS for code in snippets(admin.get(f"/admin/connect?look={look}")))


def test_a_link_to_another_look_keeps_the_other_choices(site):
    admin, query = panel(site), "value=today&lang=bn&theme=dark&color=%23aa0000&counts=no"
    query += "&views=no&stores=nothing&share=yes"
    page = admin.get(f"/admin/connect?look=frame&{query}")
    assert {unescape(url) for url in re.findall(r'href="(\?look=[^"]+)"', page)} == {
        f"?look={look}&{query}" for look in LOOKS
    }
    (code,) = snippets(page)
    assert code.startswith('<iframe src="https://koyjabo.example/embed?value=today&amp;lang=bn&amp;theme=dark" ')
    assert ' style="color-scheme: dark" ' in code
    (code,) = snippets(admin.get(f"/admin/connect?look=number&{query}"))
    assert 'lang="bn" style="color: #aa0000" counts="false" stores="nothing" share></koyjabo-count>' in code
    (code,) = snippets(admin.get(f"/admin/connect?look=count&{query}"))
    assert code.startswith('<koyjabo-count hidden views="false" stores="nothing"></koyjabo-count>')


def test_the_views_of_a_page_can_be_chosen_while_page_numbers_are_on(site):
    admin = panel(site)
    assert 'value="page"' not in admin.get("/admin/connect?value=page")
    site.services[StoredSettings].change(OPERATOR, PAGE_NUMBERS="*")
    (code,) = snippets(admin.get("/admin/connect?look=badge&value=page"))
    assert code == '<img src="https://koyjabo.example/badge.svg?value=page&amp;page=/posts/a" height="20" alt="views">'
    (code,) = snippets(admin.get("/admin/connect?look=number&value=page"))
    assert code.startswith('<koyjabo-count value="page"></koyjabo-count>')


CHOSEN = {
    "number": '<koyjabo-count value="mine" views="false" stores="nothing" share></koyjabo-count><script async ',
    "frame": "https://koyjabo.example/embed?value=total&amp;counts=1&amp;stores=nothing",
    "script": 'new KoyJabo({ pageViews: false, stores: "nothing" });',
    "react": 'new KoyJabo({ baseUrl: "https://koyjabo.example", pageViews: false, stores: "nothing" });',
    "badge": "https://koyjabo.example/badge.svg?value=total",
}


def test_the_code_has_what_was_chosen_for_page_views_storage_and_sharing(site):
    admin = panel(site)
    for look, text in CHOSEN.items():
        (code,) = snippets(admin.get(f"/admin/connect?look={look}&value=mine&views=no&stores=nothing&share=yes"))
        assert text in code


def test_the_line_of_the_readme_is_the_default_of_connect_and_of_the_first_steps(site):
    admin = panel(site)
    (line,) = snippets(admin.get("/admin/connect"))
    (first,) = snippets(admin.get("/admin/"))
    readme = (ROOT / "README.md").read_text("utf-8")
    (embedded,) = (line for line in COPIED_LINE.findall(readme) if "koyjabo-count" in line)
    assert (first, OF_A_SERVER.sub(PLACEHOLDER, embedded)) == (line, line)


def test_the_documents_and_the_first_page_show_the_code_of_connect(site):
    site.services[StoredSettings].change(OPERATOR, PAGE_NUMBERS="*")
    admin = panel(site)
    choices = [f"value={value}&counts={counts}" for value in ("total", "page") for counts in ("yes", "no")]
    choices.append("stores=nothing")
    offered = {
        code
        for look in LOOKS
        for query in choices
        for code in snippets(admin.get(f"/admin/connect?look={look}&{query}"))
    }
    (first,) = snippets(admin.get("/admin/"))
    texts = [path.read_text("utf-8") for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))]
    lines = [OF_A_SERVER.sub(PLACEHOLDER, line) for text in texts for line in COPIED_LINE.findall(text)]
    shown = {line.replace("koyjabo.gif?page=/posts/a", "koyjabo.gif?page=/") for line in lines if PLACEHOLDER in line}
    assert shown | {first} <= offered
    assert len(lines) > 8


FENCED_CODE = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
LIVE_REGION = re.compile(r"<output|aria-live=.(?:polite|assertive)|role=.(?:status|alert|log|timer)")


def test_no_number_in_our_code_is_read_aloud_on_each_visit(site):
    texts = [
        path.read_text("utf-8")
        for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("clients/*/*.md"))
    ]
    samples = [code for text in texts for code in FENCED_CODE.findall(text)]
    assert len(samples) > 100
    assert [code for code in (*samples, codes(site)) if LIVE_REGION.search(code)] == []


def test_every_address_in_the_code_exists_and_is_public(site, sqlite_database):
    page = codes(site)
    assert page.count(PLACEHOLDER) > 6  # the page's script replaces it
    paths = {unescape(path) for path in re.findall(rf'{PLACEHOLDER}(/[^\s")]+)(?=[")])', page)}
    assert {path.partition("?")[0] for path in paths} >= {
        "/badge.svg",
        "/embed",
        "/koyjabo.gif",
        "/static/js/koyjabo.js",
    }
    for path in paths:
        assert site.client.get(path).status_code == 200, path
    with Site(sqlite_database.url, PUBLIC_URL="https://live.example.com") as site:
        admin = Reader(site).log_in("rani")
        (code,) = snippets(admin.get("/admin/connect?look=badge"))
        assert ("https://live.example.com/badge.svg" in code, PLACEHOLDER in code) == (True, False)


BLOCKED_IMAGES = """
[a-z0-9_] [acdeglprsuvw][a-z] pixel px pxl pix 1x1 2x2 1px dot beacon bcn ping spacer clear transparent null visit view
pageviews hit count counter[12] stat stats status track tracker tracking trk atrk log event events evt impression
imp impr collect record rum utm __utm urchin analytics audience activity cookie img batch seed email
"""
BLOCKED_SCRIPTS = """
analytics ga gtag gtm tracker tracking track pixel counter cookies? script loader tags? umami matomo piwik
plausible metrics beacon clicktrack stattag webstats visitorapi visitsite pagetrack pagestats
"""
"""Names of files, as regular expressions, that EasyPrivacy, AdGuard or uBlock block on every site."""


def test_no_public_address_has_a_name_that_block_lists_refuse_whatever_the_site_is(site):
    images, scripts = ("|".join(names.split()) for names in (BLOCKED_IMAGES, BLOCKED_SCRIPTS))
    blocked = re.compile(rf"(?:{images})\.(?:gif|png|svg)|(?:{scripts})\.js")
    names = {rule.rule.rpartition("/")[2] for rule in site.app.url_map.iter_rules()}
    names |= {file.name for file in (ROOT / "koyjabo/static/counting").rglob("*.js")}
    assert {"koyjabo.gif", "badge.svg", "koyjabo-count.js", "koyjabo-line.js"} < names
    assert [name for name in names if blocked.fullmatch(name)] == ["v.gif"], "which older pages have"
    assert "/v.gif" not in codes(site)


def test_the_overview_of_a_new_site_shows_the_escaped_code(site):
    page = panel(site).get("/admin/")
    script = f'src="{PLACEHOLDER}/static/js/koyjabo-line.js"'
    assert f"</koyjabo-count><script async crossorigin {script}></script>" in words(page)
    assert script not in page  # text, not a script of this page
    assert 'href="/admin/connect"' in page
