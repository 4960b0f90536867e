"""Connect, <koyjabo-count>, its classic script and /embed on other sites count once or not at all, and stay live."""

import re
from base64 import b64encode
from itertools import product
from urllib.parse import quote

import pytest
from pages import expect, wait_for

from koyjabo.base.colours.oklch import WHITE, contrast

BENGALI = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")


def tag(site) -> str:
    return f'<script type="module" src="http://localhost:{site.port}/static/js/koyjabo-count.js"></script>'


def number(page, at: int = 0):
    return page.locator("koyjabo-count").nth(at).locator("[part=number]")


def frame(site, query: str) -> str:
    return f'<iframe src="http://localhost:{site.port}/embed?{query}" sandbox="allow-scripts"></iframe>'


def test_the_snippet_from_connect_shows_a_live_number_on_another_site(new_device, session, site, other_site):
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
    assert page.url.endswith(
        "look=frame&value=total&lang=&theme=&color=%23006a4e&counts=yes&views=yes&stores=&share=no"
    )
    site.register("somebody")
    expect(number(other)).to_have_text(f"{before + 2:,}")


def test_all_elements_of_a_page_are_one_visit_and_share_a_socket(host_page, site):
    sockets, before = [], site.stats().total
    host_page.on("websocket", lambda socket: sockets.append(socket))
    elements = '<koyjabo-count label="visits" lang="bn"></koyjabo-count><koyjabo-count value="today"></koyjabo-count>'
    host_page.set_content(f'<html lang="en">{elements}<koyjabo-count value="active">…</koyjabo-count>{tag(site)}')
    expect(number(host_page)).to_have_text(f"{before + 1:,}".translate(BENGALI))
    expect(host_page.locator("[part=label]").first).to_have_text("visits")
    for at in (1, 2):
        expect(number(host_page, at)).to_have_text(re.compile("[1-9]"))
    assert (site.stats().total, len(sockets)) == (before + 1, 1)
    host_page.evaluate("document.querySelector('koyjabo-count').setAttribute('lang', 'en')")
    expect(number(host_page)).to_have_text(f"{before + 1:,}")


def test_a_frame_is_live_and_counts_a_visit_only_with_counts_1(host_page, site):
    before = site.stats().total
    host_page.set_content(frame(site, "lang=en"))
    inside = host_page.frame_locator("iframe").locator("koyjabo-count [part=number]")
    expect(inside).to_have_text(f"{before:,}")
    total = site.register("somebody").stats.total
    expect(inside).to_have_text(f"{total:,}")
    host_page.set_content(frame(site, "lang=en&counts=1"))
    expect(inside).to_have_text(f"{total + 1:,}")
    assert site.stats().total == total + 1


WIDTHS = """
(shown) => {
  const text = document.createRange();
  text.selectNodeContents(shown);
  return [shown, text].map((box) => Math.round(box.getBoundingClientRect().width));
}
"""


def test_an_element_reserves_space_only_until_its_number_arrives(host_page, site):
    elements = "".join(
        f'<koyjabo-count value="active" label="here" lang="{lang}"></koyjabo-count>' for lang in ("en", "bn")
    )
    waiting = '<koyjabo-count base-url="http://localhost:1"></koyjabo-count>'
    host_page.set_content(f"{elements}{waiting}{tag(site)}")
    for at in (0, 1):
        expect(number(host_page, at)).to_have_text(re.compile("[1-9১-৯]"))
        width, width_of_text = number(host_page, at).evaluate(WIDTHS)
        assert 0 < width == width_of_text
    assert number(host_page, 2).evaluate(WIDTHS)[0] > 20


def test_an_element_with_an_unknown_value_reserves_no_space_and_warns_once(device, host_page, site):
    device.console.clear()
    host_page.set_content(
        f"{'<koyjabo-count value=unique></koyjabo-count>' * 2}<koyjabo-count></koyjabo-count>{tag(site)}"
    )
    expect(number(host_page, 2)).to_have_text(re.compile("[1-9]"))
    assert [number(host_page, at).evaluate(WIDTHS)[0] for at in (0, 1)] == [0, 0]
    assert device.console == ['value: use total, today, active, visitors, page or mine, not "unique"']


COLOR_AT_5_5 = """
async (png) => {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.drawImage(picture, -5, -5);
  return [...context.getImageData(0, 0, 1, 1).data];
}
"""


INK = """
(element) => {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.fillStyle = getComputedStyle(element).color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}
"""


DARK = "#101418"


@pytest.mark.parametrize(
    ("preferred", "scheme"),
    [
        pytest.param(*pair, marks=() if pair == ("light", "dark") else pytest.mark.long)
        for pair in product(("light", "dark"), ("normal", "light", "dark"))
    ],
)
def test_a_frame_is_transparent_and_without_a_theme_legible_on_light_and_dark_pages(
    new_device, other_site, site, preferred, scheme
):
    page = new_device(color_scheme=preferred).context.new_page()
    page.goto(other_site)
    inside = page.frame_locator("iframe").locator("h1")
    own, other = (WHITE, DARK) if preferred == "light" else (DARK, WHITE)
    for theme, ground, opposite in (("auto", own, other), ("light", WHITE, WHITE), ("dark", DARK, DARK)):
        style = "light dark" if theme == "auto" else theme  # as in the line of Connect
        line = frame(site, f"theme={theme}").replace("<iframe", f'<iframe style="color-scheme: {style}"')
        page.set_content(f'<body style="color-scheme: {scheme}; background: rgb(90, 91, 92)">{line}')
        expect(inside).to_have_text(re.compile(r"\d"))
        for part, least in ((":scope > span", 4.5), ("koyjabo-count", 3)):
            ink = "#{:02x}{:02x}{:02x}".format(*inside.locator(part).evaluate(INK))
            assert contrast(ink, ground) >= least, (theme, preferred, part, ink)
            assert contrast(ink, opposite) >= min(least, 4), (theme, preferred, part, ink)
        picture = b64encode(page.locator("iframe").screenshot()).decode()
        assert page.evaluate(COLOR_AT_5_5, picture) == [90, 91, 92, 255]


def test_a_frame_is_shown_on_a_page_that_requires_an_embedder_policy(host_page, other_site, site):
    """Pages that measure time exactly or share memory have this header, and so must all that they load."""
    host_page.goto(f"{other_site}?embedder=require-corp")
    host_page.set_content(frame(site, "value=total") + f"<koyjabo-count counts=false></koyjabo-count>{tag(site)}")
    inside = host_page.frame_locator("iframe").locator("koyjabo-count [part=number]")
    for shown in (inside, number(host_page)):
        expect(shown).to_have_text(f"{site.stats().total:,}")
    site.register("somebody")
    expect(inside).to_have_text(f"{site.stats().total:,}")


AGREEMENTS = [
    "element.removeAttribute('counts')",
    "element.replaceWith(document.createElement('koyjabo-count'))",
    "document.body.append(document.createElement('koyjabo-count'))",
]


def test_a_page_that_asks_for_consent_counts_once_the_visitor_agrees(host_page, site, other_site):
    for agree in AGREEMENTS:
        host_page.goto(other_site)
        host_page.evaluate("localStorage.clear(); sessionStorage.clear()")
        before = site.stats().total
        host_page.set_content(f'<koyjabo-count counts="false" id="element"></koyjabo-count>{tag(site)}')
        expect(number(host_page)).to_have_text(f"{before:,}")
        assert (site.stats().total, host_page.evaluate("Object.keys(localStorage)")) == (before, [])
        host_page.evaluate(agree)
        expect(number(host_page)).to_have_text(f"{before + 1:,}")
        assert site.stats().total == before + 1
        assert "visitorId" in host_page.evaluate("Object.keys(localStorage)")


PUT = """
(depth) => {
  let place = document.body;
  while (depth--) place = place.appendChild(document.createElement("section")).attachShadow({ mode: "closed" });
  place.append(document.createElement("koyjabo-count"));
  return new Promise((resolve) => {
    const look = () => /[0-9]/.test(place.lastChild.shadowRoot?.textContent) ? resolve() : requestAnimationFrame(look);
    look();
  });
}
"""


def test_an_element_in_a_component_counts(host_page, site):
    before = site.stats().total
    host_page.set_content(tag(site))
    host_page.evaluate(PUT, 2)  # it shows the number of before its visit first, if that comes earlier
    wait_for(host_page, lambda: site.stats().total == before + 1, "it is counted")


EARLY = """
() => {
  const element = document.querySelector("koyjabo-count");
  Object.assign(element, { value: "page", page: "/posts/1", label: "views", baseUrl: null });
}
"""
REFLECTED = """
() => {
  const element = document.createElement("koyjabo-count"), texts = {};
  Object.assign(element, { value: "page", page: 7, label: "", community: "dhaka", counts: "False" });
  element.baseUrl = "http://localhost:1/";
  for (const { name, value } of element.attributes) texts[name] = value;
  const read = [element.page, element.baseUrl, element.counts, element.views];
  Object.assign(element, { community: undefined, label: null, views: false });
  return [texts, read, [element.community, element.label, element.views, element.getAttribute("views")]];
}
"""


def test_the_attributes_of_an_element_are_properties_before_and_after_its_script_loads(host_page, site):
    site.register("somebody", page="/posts/1")
    views = site.get("/api/pages?path=/posts/1").json()["pages"][0]["views"]
    host_page.set_content("<koyjabo-count counts=false>none</koyjabo-count>")
    host_page.evaluate(EARLY)
    host_page.add_script_tag(url=script(site))
    expect(number(host_page)).to_have_text(str(views))
    host_page.evaluate("document.documentElement.lang = 'bn'")
    expect(number(host_page)).to_have_text(str(views).translate(BENGALI))
    texts, read, changed = host_page.evaluate(REFLECTED)
    assert texts == {
        **{"value": "page", "page": "7", "label": "", "community": "dhaka"},
        **{"base-url": "http://localhost:1/", "counts": "false"},
    }
    assert read == ["7", "http://localhost:1/", False, True]
    assert changed == [None, None, False, "false"]
    host_page.evaluate("document.querySelector('koyjabo-count').baseUrl = 'http://localhost:1'")
    expect(number(host_page).locator("slot")).to_have_count(1)
    host_page.evaluate(f"document.querySelector('koyjabo-count').baseUrl = 'http://localhost:{site.port}'")
    expect(number(host_page)).to_have_text(str(views).translate(BENGALI))


def test_an_attribute_accepts_every_spelling_of_false_and_warns_of_other_words(device, host_page, site):
    before = site.stats().total
    device.console.clear()
    elements = (
        '<koyjabo-count counts="False"></koyjabo-count><koyjabo-count counts=" FALSE " views="fAlse"></koyjabo-count>'
    )
    host_page.set_content(f"{elements}{tag(site)}")
    expect(number(host_page, 1)).to_have_text(f"{before:,}")
    stored = "[Object.keys(localStorage), Object.keys(sessionStorage).filter((key) => /visit/.test(key))]"
    assert host_page.evaluate(stored) == [[], []]
    host_page.evaluate("document.body.innerHTML = '<koyjabo-count data-debug counts=no views=true></koyjabo-count>'")
    expect(number(host_page)).to_have_text(f"{before + 1:,}")
    assert [line for line in device.console if "use true" in line] == ['counts: use true or false, not "no"']
    assert site.stats().total == before + 1


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


def test_the_element_counts_and_shows_its_number_in_the_oldest_browsers(page, site, other_site):
    page.add_init_script(OLDEST_BROWSERS)
    page.goto(other_site)
    before = site.stats().total
    page.set_content(f"<koyjabo-count></koyjabo-count>{tag(site)}")
    expect(number(page)).to_have_text(f"{before + 1:,}")
    assert number(page).evaluate("(shown) => getComputedStyle(shown).display") == "inline-block"
    total = site.register("somebody").stats.total
    expect(number(page)).to_have_text(f"{total:,}")
    assert total == before + 2


def test_the_console_of_another_site_stays_silent_without_data_debug(device, page, site, other_site):
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


INJECTED = """
(url) => {
  const script = Object.assign(document.createElement("script"), { src: url });
  document.head.append(script);
  script.remove();
}
"""


def script(site) -> str:
    return f"http://localhost:{site.port}/static/js/koyjabo-count.all.js"


def test_the_classic_script_finds_its_server_after_its_tag_is_removed(host_page, site):
    before = site.stats().total
    host_page.set_content("<koyjabo-count></koyjabo-count>")
    host_page.evaluate(INJECTED, script(site))
    expect(number(host_page)).to_have_text(f"{before + 1:,}")
    site.register("somebody")
    expect(number(host_page)).to_have_text(f"{before + 2:,}")
    assert site.stats().total == before + 2


def test_a_single_file_is_enough_for_a_copy_of_the_classic_script(page, site, other_site):
    """The policy of the page allows no script of the server."""
    copy = page.request.get(script(site)).text()
    assert copy.isascii(), "copies lose their encoding"
    page.route("**/copies/element.js", lambda route: route.fulfill(content_type="text/javascript", body=copy))
    server, before = f"localhost:{site.port}", site.stats().total
    policy = f"default-src 'none'; script-src 'self' 'unsafe-inline'; connect-src http://{server} ws://{server}"
    page.goto(f"{other_site}posts/copy?policy={quote(policy)}")
    element = f'<koyjabo-count value="page" base-url="http://{server}"></koyjabo-count>'
    page.set_content(f'<script src="/copies/element.js"></script>{element}')
    expect(number(page)).to_have_text("1")
    page.evaluate("history.pushState({}, '', '/posts/copy/next')")
    expect(number(page)).to_have_text("1")
    assert site.stats().total == before + 1


IN_WORKER = """
([url, text]) => new Promise((resolve) => {
  const worker = new Worker(URL.createObjectURL(new Blob([`
    const said = [], customElements = { get() {}, define() {} };
    console.warn = (text) => said.push(text);
    const document = { currentScript: { src: ${JSON.stringify(url)} }, scripts: [] };
    Object.assign(self, { document, HTMLElement: class {}, customElements });
    (0, eval)(${JSON.stringify(text)});
    postMessage(said);
  `])));
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => resolve([message]);
})
"""
"""Runs a script in a worker with what Partytown gives it."""


def test_the_classic_script_says_that_a_worker_cannot_run_it(host_page, site):
    said = host_page.evaluate(IN_WORKER, [script(site), host_page.request.get(script(site)).text()])
    assert said == ["koyjabo-count: workers, such as Partytown's, cannot run it"]
