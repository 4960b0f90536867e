"""Connect, <koyjabo-count> and /embed on another site: they count once or not at all, and stay live."""

import re
from urllib.parse import quote

import pytest
from support.browser.host_pages import FakeServer, begin_live
from support.browser.pages import expect, wait_for
from support.clients.members import PlainMember

counted = pytest.mark.long(proved_by="browser/test_count_element.py::test_elements_of_a_page_are_one_visit")
framed = pytest.mark.long(proved_by="browser/test_count_element.py::test_frame_is_live_and_counts_when_it_is_asked_to")


def tag(site) -> str:
    return f'<script type="module" src="http://localhost:{site.port}/static/js/koyjabo-count.js"></script>'


def number(page, at: int = 0):
    return page.locator("koyjabo-count").nth(at).locator("[part=number]")


def frame(site, query: str, sandbox: str | None = None) -> str:
    asked = "" if sandbox is None else f' sandbox="{sandbox}"'
    return f'<iframe src="http://localhost:{site.port}/embed?{query}"{asked}></iframe>'


def test_copied_line_shows_a_number_that_changes_with_the_next_visit(new_device, session, site, other_site):
    device = new_device(storage_state=session, permissions=["clipboard-read", "clipboard-write"])
    page = device.open("/admin/connect")
    button = page.locator("#build-code [data-copy]")
    button.click()
    expect(button).to_have_text("Copied")
    line = page.evaluate("navigator.clipboard.readText()")
    assert line.startswith("<koyjabo-count")
    assert f"http://localhost:{site.port}/" in line
    before = site.stats().total
    other = page.context.new_page()
    other.goto(other_site)
    other.set_content(line)
    expect(number(other)).to_have_text(f"{before + 1:,}")
    for at in range(4):  # three looks, and the newest visit below them
        expect(number(page, at)).to_have_text(f"{before + 1:,}")
    expect(page.locator("[data-seen] time")).to_have_text(re.compile("just now|ago"))
    page.locator("a[data-look=frame]").click()
    expect(page.locator("#build-code code")).to_contain_text("<iframe")
    assert page.url.endswith("look=frame&value=total&lang=en&color=%23006a4e&counts=yes")
    site.register("somebody")
    expect(number(other)).to_have_text(f"{before + 2:,}")


def test_elements_of_a_page_are_one_visit(host_page, site):
    sockets, before = [], site.stats().total
    host_page.on("websocket", lambda socket: sockets.append(socket))
    elements = '<koyjabo-count label="visits" lang="bn"></koyjabo-count><koyjabo-count value="today"></koyjabo-count>'
    host_page.set_content(f'<html lang="en">{elements}<koyjabo-count value="active">…</koyjabo-count>{tag(site)}')
    bangla = f"{before + 1:,}".translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"))
    expect(number(host_page)).to_have_text(bangla)
    expect(host_page.locator("[part=label]").first).to_have_text("visits")
    for at in (1, 2):
        expect(number(host_page, at)).to_have_text(re.compile("[1-9]"))
    assert (site.stats().total, len(sockets)) == (before + 1, 1)
    host_page.evaluate("document.querySelector('koyjabo-count').setAttribute('lang', 'en')")
    expect(number(host_page)).to_have_text(f"{before + 1:,}")


@counted
def test_element_that_counts_nothing(host_page, site):
    before = site.stats().total
    host_page.set_content(f'<koyjabo-count counts="false"></koyjabo-count>{tag(site)}')
    expect(number(host_page)).to_have_text(f"{before:,}")
    total = site.register("somebody").stats.total
    expect(number(host_page)).to_have_text(f"{total:,}")
    assert site.stats().total == before + 1


@counted
@pytest.mark.parametrize(
    "options", [{}, {"remember": False}, {"visitorIdKey": "rider"}, {"communityId": True}], ids=str
)
def test_element_next_to_the_module_leaves_counting_to_it(host_page, site, community, options):
    if "communityId" in options:
        options = {"communityId": community}
    before = site.stats().total
    begin_live(host_page, site, **options)
    host_page.evaluate("(html) => document.body.innerHTML = html", "<koyjabo-count></koyjabo-count>")
    host_page.add_script_tag(url=f"http://localhost:{site.port}/static/js/koyjabo-count.js", type="module")
    expect(number(host_page)).to_have_text(f"{before + 1:,}")
    assert site.stats().total == before + 1


@counted
def test_element_works_where_inline_styles_are_refused_and_nothing_moves(host_page, site):
    server = f"http://localhost:{site.port}"
    policy = f"default-src 'none'; script-src {server}; connect-src {server} ws://localhost:{site.port}"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    before = site.stats().total
    held, fake_server = [], FakeServer(host_page)
    host_page.route("**/api/**", lambda route: held.append(route))
    host_page.set_content(f"{meta}<span><koyjabo-count></koyjabo-count></span><i id=after>|</i>{tag(site)}")
    wait_for(host_page, lambda: held and fake_server.opened, "it registers")
    left = host_page.locator("#after").bounding_box()["x"]
    host_page.unroute("**/api/**")  # continue held requests
    expect(number(host_page)).to_have_text(f"{before + 1:,}")
    assert host_page.locator("#after").bounding_box()["x"] == left


@pytest.mark.parametrize("sandbox", [pytest.param(None, marks=pytest.mark.long), "allow-scripts"])
def test_frame_is_live_and_counts_when_it_is_asked_to(host_page, site, sandbox):
    before = site.stats().total
    host_page.set_content(frame(site, "lang=en", sandbox))
    inside = host_page.frame_locator("iframe").locator("koyjabo-count [part=number]")
    expect(inside).to_have_text(f"{before:,}")
    total = site.register("somebody").stats.total
    expect(inside).to_have_text(f"{total:,}")
    host_page.set_content(frame(site, "lang=en&counts=1", sandbox))
    expect(inside).to_have_text(f"{total + 1:,}")
    assert site.stats().total == total + 1


def test_a_frame_is_shown_on_a_page_that_requires_a_policy(host_page, other_site, site):
    """Pages that measure time exactly or share memory have this header, and so must all that they load."""
    host_page.goto(f"{other_site}?embedder=require-corp")
    host_page.set_content(frame(site, "value=total") + f"<koyjabo-count counts=false></koyjabo-count>{tag(site)}")
    inside = host_page.frame_locator("iframe").locator("koyjabo-count [part=number]")
    for shown in (inside, number(host_page)):
        expect(shown).to_have_text(f"{site.stats().total:,}")
    site.register("somebody")
    expect(inside).to_have_text(f"{site.stats().total:,}")


@framed
def test_number_of_a_community_follows_its_online_members(host_page, site, founder, karim):
    community, before = founder.found(public_count=True), site.stats().total
    site.database.rows(f"UPDATE communities SET ref = 'auth0|dhaka/10 %2F?#' WHERE id = '{community}'")
    karim.join(community)
    named = quote("auth0|dhaka/10 %2F?#", safe="")
    host_page.set_content(frame(site, f"value=online&community={named}", "allow-scripts"))
    inside = host_page.frame_locator("iframe").locator("koyjabo-count [part=number]")
    expect(inside).to_have_text("0")
    with PlainMember(site.port, community, karim.token):
        expect(inside).to_have_text("1")
    expect(inside).to_have_text("0")
    assert site.stats().total == before
    host_page.set_content(frame(site, f"value=online&community={named}&counts=1"))
    expect(inside).to_have_text("0")
    wait_for(host_page, lambda: site.stats().total == before + 1, "it is counted")


AGREEMENTS = {
    "the attribute is removed": "element.removeAttribute('counts')",
    "the attribute changes": "element.setAttribute('counts', '')",
    "the property changes": "element.counts = true",
    "another element comes": "document.body.append(document.createElement('koyjabo-count'))",
    "the element is replaced": "element.replaceWith(document.createElement('koyjabo-count'))",
}


@pytest.mark.parametrize(
    "agree",
    [pytest.param(code, marks=counted if at else (), id=name) for at, (name, code) in enumerate(AGREEMENTS.items())],
)
def test_page_that_asks_first_counts_once_the_visitor_agrees(host_page, site, agree):
    before = site.stats().total
    host_page.set_content(f'<koyjabo-count counts="false" id="element"></koyjabo-count>{tag(site)}')
    expect(number(host_page)).to_have_text(f"{before:,}")
    assert (site.stats().total, host_page.evaluate("Object.keys(localStorage)")) == (before, [])
    host_page.evaluate(agree)
    for at in range(host_page.locator("koyjabo-count").count()):
        expect(number(host_page, at)).to_have_text(f"{before + 1:,}")
    assert site.stats().total == before + 1
    assert "visitorId" in host_page.evaluate("Object.keys(localStorage)")


PUT = """
([depth, mode]) => {
  let place = document.body;
  for (; depth > 0; depth--) place = place.appendChild(document.createElement("section")).attachShadow({ mode });
  place.append(document.createElement("koyjabo-count"));
  window.shown = () => place.lastChild.shadowRoot?.querySelector("[part=number]").textContent;
}
"""


@pytest.mark.parametrize(
    ("depth", "mode", "is_late"),
    [(1, "open", False), *(pytest.param(*put, marks=counted) for put in [(3, "closed", False), (2, "open", True)])],
)
def test_element_in_a_component_counts(host_page, site, depth, mode, is_late):
    before = site.stats().total
    if is_late:
        host_page.set_content(f"{tag(site)}<p>")
        wait_for(host_page, lambda: host_page.evaluate("!!customElements.get('koyjabo-count')"), "it is defined")
    host_page.evaluate(PUT, [depth, mode])
    host_page.add_script_tag(url=f"http://localhost:{site.port}/static/js/koyjabo-count.js", type="module")
    wait_for(host_page, lambda: host_page.evaluate("window.shown()") == f"{before + 1:,}", "its number")
    assert site.stats().total == before + 1


FRAMEWORK = """
([properties, isEarly]) => {
  const add = () => {
    const element = document.createElement("koyjabo-count");
    if (!isEarly) document.body.append(element);
    Object.assign(element, properties);
    document.body.append(element);
    window.seen = () => [element.counts, element.views, element.getAttribute("counts"), element.getAttribute("views")];
  };
  isEarly ? add() : customElements.whenDefined("koyjabo-count").then(add);
}
"""


@pytest.mark.parametrize(
    ("properties", "seen"),
    [
        ({"counts": False, "views": True}, [False, True, "false", ""]),
        *(
            pytest.param(*case, marks=counted)
            for case in [
                ({"counts": "false", "views": "false"}, [False, False, "false", None]),
                ({"counts": True, "views": False}, [True, False, None, None]),
                ({"counts": "", "views": ""}, [True, True, None, ""]),
                ({"counts": None, "views": None}, [True, False, None, None]),
            ]
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_early", [True, pytest.param(False, marks=counted)])
def test_frameworks_set_counts_and_views_as_properties(host_page, site, properties, seen, is_early):
    before = site.stats().total
    host_page.evaluate(FRAMEWORK, [properties, is_early])
    host_page.add_script_tag(url=f"http://localhost:{site.port}/static/js/koyjabo-count.js", type="module")
    counts = seen[0]
    expect(number(host_page)).to_have_text(f"{before + counts:,}")
    assert (host_page.evaluate("window.seen()"), site.stats().total) == (seen, before + counts)


@counted
@pytest.mark.parametrize("attributes", ['counts="false"', 'counts="false" views="false" community="none"'])
def test_element_that_was_moved_and_removed_counts_nothing_against_its_attribute(host_page, site, attributes):
    before = site.stats().total
    elements = f"<koyjabo-count {attributes}></koyjabo-count><koyjabo-count></koyjabo-count>"
    script = "<script>document.querySelectorAll('koyjabo-count')[1].remove()</script>"
    host_page.set_content(f'<p></p>{elements}{script}<koyjabo-count counts="false"></koyjabo-count>{tag(site)}')
    host_page.evaluate("document.querySelector('p').append(document.querySelector('koyjabo-count'))")
    expect(number(host_page, 1)).to_have_text(f"{before:,}")
    assert site.stats().total == before


OLDEST_BROWSERS = """
window.CSSStyleSheet = function () { throw new TypeError("Illegal constructor"); };
const missing = [
  [window, "navigation", "structuredClone", "scheduler", "requestIdleCallback", "reportError", "trustedTypes"],
  [window, "BroadcastChannel", "URLPattern", "CompressionStream", "EyeDropper", "cookieStore"],
  [AbortSignal, "timeout", "any", "abort"], [AbortSignal.prototype, "throwIfAborted", "reason"],
  [Navigator.prototype, "locks", "userAgentData", "scheduling", "userActivation"], [crypto, "randomUUID"],
  [Crypto.prototype, "randomUUID"], [Object, "hasOwn", "groupBy"], [Map, "groupBy"], [Array, "fromAsync"],
  [Array.prototype, "at", "findLast", "findLastIndex", "toSorted", "toSpliced", "toReversed", "with", "group"],
  [String.prototype, "at", "isWellFormed", "toWellFormed"], [Promise, "withResolvers", "try"],
  [URL, "canParse", "parse"], [URLSearchParams.prototype, "size"],
  [Set.prototype, "union", "difference", "intersection", "isSubsetOf"],
  [Iterator.prototype, "map", "filter", "toArray", "some", "forEach", "find", "flatMap", "reduce", "every"],
  [Document.prototype, "adoptedStyleSheets", "prerendering", "startViewTransition"], [Request.prototype, "keepalive"],
  [ShadowRoot.prototype, "adoptedStyleSheets"], [Element.prototype, "part", "checkVisibility", "setHTMLUnsafe"],
  [HTMLElement.prototype, "popover", "inert", "togglePopover"],
];
for (const [owner, ...names] of missing) for (const name of names) {
  delete owner?.[name];
  if (owner && name in owner) Object.defineProperty(owner, name, { value: undefined, configurable: true });
}
"""
"""Takes away what the oldest browsers lack (docs/client.md#browsers)."""


def test_element_counts_and_shows_its_number_in_the_oldest_browsers(page, site, other_site):
    page.add_init_script(OLDEST_BROWSERS)
    page.goto(other_site)
    before = site.stats().total
    page.set_content(f"<koyjabo-count></koyjabo-count>{tag(site)}")
    expect(number(page)).to_have_text(f"{before + 1:,}")
    assert number(page).evaluate("(shown) => getComputedStyle(shown).display") == "inline-block"
    total = site.register("somebody").stats.total
    expect(number(page)).to_have_text(f"{total:,}")
    assert total == before + 2


@counted
def test_element_without_any_style_counts_and_shows_its_number(device, page, site, other_site):
    """An old browser, with a policy that refuses style elements."""
    server = f"http://localhost:{site.port}"
    policy = f"default-src 'none'; script-src {server}; connect-src {server} ws://localhost:{site.port}"
    page.add_init_script(OLDEST_BROWSERS)
    page.goto(f"{other_site}?policy={quote(policy)}")
    before = site.stats().total
    page.set_content(f"<koyjabo-count></koyjabo-count>{tag(site)}")
    expect(number(page)).to_have_text(f"{before + 1:,}")
    assert number(page).evaluate("(shown) => getComputedStyle(shown).display") == "inline", "the policy refuses styles"
    device.violations.clear()


def test_console_of_other_sites_stays_silent_without_data_debug(device, page, site, other_site):
    for element, script, is_silent in [("", "", True), ("data-debug", "", False), ("", "data-debug", False)]:
        page.goto(other_site)
        device.console.clear()
        before = site.stats().total
        page.evaluate("sessionStorage.clear()")
        page.set_content(
            f"<koyjabo-count {element}></koyjabo-count>{tag(site).replace('<script', f'<script {script}')}"
        )
        expect(number(page)).to_have_text(f"{before + 1:,}")
        if not is_silent:
            wait_for(page, lambda: "Connected to KoyJabo Analytics Stream" in device.console, "it is connected")
        assert ("✅ Visit registered with backend" in device.console) != is_silent
        assert bool(device.console) != is_silent
