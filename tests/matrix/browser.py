"""The table of browsers that refuse something. Outcomes follow docs/client.md: scripts count and show visits without
storage, databases, locks, sockets or cryptography, and older browsers show the content of the element.
"""

from __future__ import annotations

from matrix.table import ANY, Table

INTERFACES = {
    "localStorage": ("localStorage",),
    "sessionStorage": ("sessionStorage",),
    "indexedDB": ("indexedDB",),
    "locks": ("navigator.locks",),
    "crypto": ("crypto",),
    "Intl": ("Intl",),
    "MutationObserver": ("MutationObserver",),
    "ResizeObserver": ("ResizeObserver",),
    "matchMedia": ("matchMedia",),
    "WebSocket": ("WebSocket",),
    "EventSource": ("EventSource",),
    "fetch": ("fetch",),
    "sendBeacon": ("navigator.sendBeacon",),
    "serviceWorker": ("navigator.serviceWorker", "caches"),
    "AbortSignal": ("AbortSignal.timeout", "AbortSignal.any"),
    "CSSStyleSheet": ("CSSStyleSheet",),
    "customElements": ("customElements",),
    "navigation": ("navigation",),
    "history": ("history.pushState", "history.replaceState"),
    "visibility": ("document.hidden", "document.prerendering"),
    "identity": ("navigator.userAgent", "navigator.webdriver", "navigator.platform", "navigator.onLine"),
    "sharing": ("navigator.clipboard", "navigator.share"),
    "animate": ("Element.prototype.animate",),
}
"""What a browser, a policy, an extension or another script may refuse, by surface."""

INSTEAD_OF = {
    "EventSource": ("WebSocket",),
    "sendBeacon": ("WebSocket", "Request.prototype.keepalive"),
    "history": ("navigation",),
}
"""Interfaces that scripts prefer, by surface. They are absent where it is distorted."""

ANSWERING = ("indexedDB", "locks", "WebSocket", "EventSource", "fetch", "serviceWorker", "sharing")
"""Surfaces with late answers. The others are absent at first, and come late."""

EVERYWHERE = """
AbortController AbortSignal Array BigUint64Array Blob Boolean CustomEvent DOMParser Date Element Error Event
EventTarget FileReader FormData HTMLAnchorElement HTMLDetailsElement HTMLDialogElement HTMLElement HTMLInputElement
JSON Math HTMLTemplateElement Node Number Object Path2D PointerEvent Promise Request String TypeError URLSearchParams
WeakMap addEventListener clearInterval clearTimeout console devicePixelRatio dispatchEvent document encodeURIComponent
getComputedStyle getSelection globalThis history location name open parent parseInt performance self setInterval
setTimeout window
"""
"""Names that every browser has and none refuses, of the language and of documents."""

FOREIGN = ("module", "element", "classic", "frame")
ELEMENTS = ("element", "classic", "frame")
PLACES = ("module", "element", "classic", "home", "receipt", "n", "frame", "panel")
CONTENT = "the content stays"


def _only(surface: str, *places: str) -> set[tuple[str, str]]:
    return {(surface, place) for place in PLACES if place not in places}


TABLE = Table(
    name="browser",
    test="browser/test_matrix_browser.py::test_a_page_in_a_browser_with_a_distorted_interface_has_the_outcome_of_its_row",
    distortions=("absent", "null", "read", "called", "never", "late", "full", "another"),
    rows="""
    localStorage      c c c c c c c c
    sessionStorage    c c c c c c c c
    indexedDB         c c c c c c c c
    locks             c c c c c c c c
    crypto            c c c c - c c c
    Intl              c c c c - c - c
    MutationObserver  c c c c c c c c
    ResizeObserver    c c c c c c c c
    matchMedia        c c c c c c c c
    WebSocket         c c c c c c c c
    EventSource       c c c c c c c c
    fetch             w w w w w c w c
    sendBeacon        c c c c c c c c
    serviceWorker     c c c c c c c c
    AbortSignal       c c - - - c - c
    CSSStyleSheet     c c c c c c c c
    customElements    r r r r r r r -
    navigation        c c c c c c c c
    history           c c c c c c c c
    visibility        c c - - - c - c
    identity          c c - - - c - c
    sharing           c c c c c c c c
    animate           c c c c c c c c
    """,
    reasons={
        ("AbortSignal", ANY): "older browsers lack it, but none refuses it",
        ("visibility", ANY): "a value, which is read everywhere",
        ("identity", ANY): "a value: extensions change it, or leave it out",
        ("customElements", "another"): "an element of another window is no element of this one",
        (ANY, "never"): "it answers at once",
        (ANY, "full"): "it has no limit",
        ("fetch", ANY): "a visit without a response waits for the next page",
    },
    says={("customElements", ANY): CONTENT},
    places=PLACES,
    absent=frozenset(
        _only("customElements", *ELEMENTS)
        | _only("CSSStyleSheet", *ELEMENTS)
        | _only("MutationObserver", *ELEMENTS, "panel")
        | _only("ResizeObserver", "panel")
        | _only("fetch", "module", "element", "classic", "home")
        | _only("EventSource", *FOREIGN, "home", "receipt", "n")
        | _only("sendBeacon", *FOREIGN, "home")
        | _only("serviceWorker", "home")
        | _only("navigation", "module", "element", "classic", "panel")
        | _only("history", "module", "element", "classic", "panel")
        | _only("visibility", *FOREIGN, "home", "panel")
        | _only("sharing", "home", "n", "panel")
        | _only("animate", "home")
    ),
    is_quick_in_each_row=True,
)
