"""Looks at the page of an address as a browser would: does it have a line of this server, and may the line run?

What scripts of the page add is not seen: that takes a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from koyjabo.core.identity import Account
from koyjabo.install.content_policy import ContentPolicies
from koyjabo.install.page_lines import FRAME, MODULE, FoundLine, PageLines, lines_of, origin_of, parts_of, resolved
from koyjabo.outbound.client import HttpClient
from koyjabo.outbound.messages import Answer, Destinations, FailureKind, OutboundError, Request

REFUSED, NO_ANSWER, CERTIFICATE = "refused", "no_answer", "certificate"
STATUS, NOT_HTML, REDIRECTS = "status", "not_html", "redirects"
OWN, MISSING, SAMPLE, OTHER_SERVER = "own", "missing", "sample", "other_server"
NO_SCRIPT, NO_ELEMENT = "no_script", "no_element"
INSECURE, BLOCKED, SILENT = "insecure", "blocked", "silent"
"""What may be wrong, and `detail` is: the reason, the status, the type, the server, or the directive that blocks."""

FAILURES = {FailureKind.REFUSED: REFUSED, FailureKind.TLS: CERTIFICATE}

MOST_BYTES = 1_048_576
MOST_REDIRECTS = 5
MOST_LINES = 20
TIMEOUT_S = 10.0
HEADERS = {"Accept": "text/html,application/xhtml+xml", "User-Agent": "Mozilla/5.0 (compatible; KoyJaboLive)"}
HTML = ("text/html", "application/xhtml+xml")
DIRECTIVES = {FRAME: "frame-src"}
"""Of the lines that are no scripts; the others are images."""

CALLED = "/api/visitor/register"


class PageCheck(NamedTuple):
    url: str  # where the address led
    kinds: tuple[str, ...] = ()  # of the lines that count there
    problem: str = ""  # "" if the page counts its visits
    detail: str = ""

    @property
    def counts(self) -> bool:
        return not self.problem

    @property
    def host(self) -> str:
        return parts_of(self.url).netloc


class PageChecks:
    """`found` is called with the host of each page that counts."""

    def __init__(self, http: HttpClient, destinations: Destinations, found: Callable[[str], object]) -> None:
        self._http = http
        self._destinations = destinations
        self._found = found

    def check(self, by: Account, address: str, own: Collection[str], sample: str) -> PageCheck:
        """`own` are the origins of this server, and `sample` is the one that samples have in its place. Waits."""
        by.require_site_admin()
        url = address if "://" in address else f"https://{address}"
        url, answer = self._fetch(url)
        if isinstance(answer, OutboundError):
            return PageCheck(url, problem=FAILURES.get(answer.kind, NO_ANSWER), detail=answer.reason)
        check = self._judged(url, answer, own, sample)
        if check.counts:
            self._found(check.host)
        return check

    def _fetch(self, url: str) -> tuple[str, Answer | OutboundError]:
        """Follows redirects, each to an address that is checked as the first one."""
        for _ in range(MOST_REDIRECTS):
            try:
                answer = self._http.fetch(self._request(url))
            except OutboundError as error:
                return url, error
            onwards = answer.headers.get("location") if 300 <= answer.status < 400 else None
            if not onwards:
                break
            url = resolved(url, onwards).partition("#")[0] or onwards
        return url, answer

    def _request(self, url: str) -> Request:
        to = self._destinations
        return Request("GET", url, HEADERS, b"", TIMEOUT_S, MOST_BYTES, truncate=True, destinations=to)

    def _judged(self, url: str, answer: Answer, own: Collection[str], sample: str) -> PageCheck:
        if 300 <= answer.status < 400:
            return PageCheck(url, problem=REDIRECTS)
        if answer.status != HTTPStatus.OK:
            return PageCheck(url, problem=STATUS, detail=str(answer.status))
        media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in HTML:
            return PageCheck(url, problem=NOT_HTML, detail=media)
        if origin_of(url) in own:
            return PageCheck(url, problem=OWN)
        page = lines_of(answer.body.decode("utf-8", "replace"), url)
        ours = list(dict.fromkeys(line for line in page.lines if line.server in own))[:MOST_LINES]
        if not ours:
            return PageCheck(url, (), *_absence(page, sample))
        header = answer.headers.get("content-security-policy", "")
        return _verdict(url, ours, ContentPolicies(url, [header, *page.policies]))


def _absence(page: PageLines, sample: str) -> tuple[str, str]:
    servers = [line.server for line in page.lines]
    if sample in servers:
        return SAMPLE, sample
    if servers:
        return OTHER_SERVER, servers[0]
    if page.has_element:
        return NO_SCRIPT, ""
    return (NO_ELEMENT if page.has_element_script else MISSING), ""


def _verdict(url: str, ours: list[FoundLine], policies: ContentPolicies) -> PageCheck:
    problems = {line: _problem(url, line, policies) for line in ours if line.counts}
    kinds = tuple(dict.fromkeys(line.kind for line, problem in problems.items() if problem is None))
    if kinds:
        return PageCheck(url, kinds)
    problem, detail = next((each for each in problems.values() if each), (SILENT, ""))
    return PageCheck(url, (), problem, detail)


def _problem(url: str, line: FoundLine, policies: ContentPolicies) -> tuple[str, str] | None:
    if url.startswith("https:") and "http:" in (urlsplit(line.url).scheme + ":", urlsplit(line.server).scheme + ":"):
        return INSECURE, line.server
    refusal = _refusal(line, policies)
    return (BLOCKED, refusal) if refusal else None


def _refusal(line: FoundLine, policies: ContentPolicies) -> str | None:
    """The directive that does not let the line run."""
    if line.script is None:
        return policies.refusal(DIRECTIVES.get(line.kind, "img-src"), line.url)
    refusal = policies.refusal_of_script(line.script)
    if line.kind == MODULE and not refusal and not line.script.nonce:
        refusal = policies.refusal("script-src-elem", line.url)  # which the script imports
    return refusal or policies.refusal("connect-src", line.server + CALLED)
