"""The table of browsers that refuse something. Outcomes follow docs/client.md: scripts count and show visits without
storage, databases, locks, sockets or cryptography, and older browsers show the content of the element.
"""

from __future__ import annotations

from matrix.table import ANY, Table

NAMES = {
    "locks": ("navigator.locks",),
    "sendBeacon": ("navigator.sendBeacon",),
    "serviceWorker": ("navigator.serviceWorker", "caches"),
    "AbortSignal": ("AbortSignal.timeout", "AbortSignal.any"),
    "history": ("history.pushState", "history.replaceState"),
    "visibility": ("document.hidden", "document.prerendering"),
    "identity": ("navigator.userAgent", "navigator.webdriver", "navigator.platform", "navigator.onLine"),
    "sharing": ("navigator.clipboard", "navigator.share"),
    "animate": ("Element.prototype.animate",),
}
"""What a browser, a policy, an extension or another script may refuse, by surface. Others have the surface's name."""

INSTEAD_OF = {"EventSource": ("WebSocket",), "history": ("navigation",)}
INSTEAD_OF["sendBeacon"] = ("WebSocket", "Request.prototype.keepalive")
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

ELEMENTS = ("element", "classic", "frame")
SCRIPTS = ("module", "element", "classic")
FOREIGN = (*SCRIPTS, "frame")
PLACES = (*SCRIPTS, "home", "receipt", "n", "frame", "panel")
ONLY_AT = {
    **{"customElements": ELEMENTS, "CSSStyleSheet": ELEMENTS, "MutationObserver": (*ELEMENTS, "panel")},
    **{"ResizeObserver": ("panel",), "fetch": (*SCRIPTS, "home"), "EventSource": (*FOREIGN, "home", "receipt", "n")},
    **{"sendBeacon": (*FOREIGN, "home"), "serviceWorker": ("home",), "animate": ("home",)},
    **{"navigation": (*SCRIPTS, "panel"), "history": (*SCRIPTS, "panel"), "visibility": (*FOREIGN, "home", "panel")},
    **{"sharing": ("home", "n", "panel")},
}
"""Where scripts use a surface. Others are used at all places."""

CONTENT = "the content stays"

TABLE = Table(
    name="browser",
    test="browser/test_matrix_browser.py::test_a_page_in_a_browser_with_a_distorted_interface_has_the_outcome_of_its_row",
    distortions=("absent", "null", "read", "called", "never", "late", "full", "another"),
    rows="""
    localStorage, sessionStorage, indexedDB, locks                        c c c c c c c c
    crypto                                                                c c c c - c c c
    Intl                                                                  c c c c - c - c
    MutationObserver, ResizeObserver, matchMedia, WebSocket, EventSource  c c c c c c c c
    fetch                                                                 w w w w w c w c
    sendBeacon, serviceWorker                                             c c c c c c c c
    AbortSignal                                                           c c - - - c - c
    CSSStyleSheet                                                         c c c c c c c c
    customElements                                                        r r r r r r r -
    navigation, history                                                   c c c c c c c c
    visibility, identity                                                  c c - - - c - c
    sharing, animate                                                      c c c c c c c c
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
    absent=frozenset((name, place) for name in ONLY_AT for place in PLACES if place not in ONLY_AT[name]),
    is_quick_in_each_row=True,
    quick_places=("module", "home", "panel", "frame"),
)
INTERFACES = {surface: NAMES.get(surface, (surface,)) for surface in TABLE.surfaces}
