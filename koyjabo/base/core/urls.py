"""Parts of URLs: the part that may be stored, how it is shown, and the host."""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes, urlsplit

from .domains import ascii_domain
from .i18n import N_
from .sanitize import MAX_TEXT_LENGTH, truncate, whole

UNOPENABLE_ADDRESS = re.compile(r"(?i:null|(?:about|blob|content|data|file|javascript):.*)", re.DOTALL)
"""Addresses that no other browser can open."""

ON_DISK = re.compile(r"(?i:file:|content:|/[a-z]:/)")
"""The beginning of a local file's address. Earlier clients send the path of `file:///C:/a.html`."""

HTTP_ORIGIN = re.compile(r"https?://[^/]+", re.IGNORECASE)
PLAIN_PATH = re.compile(r"/(?:[A-Za-z0-9/_~-]|(?<!/)\.|%[89A-F][0-9A-F])*")
"""A path that is stored as it is. Most are, and finding this out takes a tenth of the time of `normal`."""

MAX_ESCAPED_LENGTH = 3 * MAX_TEXT_LENGTH
"""Maximum length of a path whose characters are all escaped, before `normal`."""

MAX_LABELS = 32
"""A host with more labels in other scripts would be longer than 253 characters (RFC 1035), so it is not encoded."""

SPACES = "".join(map(chr, range(0x21)))
"""Characters that browsers remove around an address."""

WRONG_PAGE = N_("must be the path of a page, such as /posts/a")

QUERY_OR_FRAGMENT = re.compile("[?#]")
ROUTE = re.compile(r"[^#]*(#!?)(/[^?#]*)")
"""An address whose fragment is a route: the path of a page that opens without loading."""

URL_ORIGIN = re.compile(r"(?:[^/]*//)?[^/]*")
AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")
USER = re.compile(r"\A((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)[^/]*@")

NORMAL_PATH = re.compile(r"[A-Za-z0-9/._~:@!$&'()*+,;=\[\]-]*")
"""A path without escapes that needs none (RFC 3986, 3.3). Browsers leave brackets as they are."""

DOT_SEGMENT = re.compile(r"/\.\.?(?:/|\Z)")
"""A dot segment, which browsers remove before they send a path."""

PLAIN_ADDRESS = re.compile(rf"(?:https?://[a-z0-9.-]+)?{PLAIN_PATH.pattern}")
"""A path that is stored as it is, or an address with one."""

ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")
UNRESERVED_ESCAPES = re.compile("(?<!%)(?<!%[0-9A-Fa-f])%(?:2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])")
"""Escapes that need not be, unless a loose `%` before them would become another escape."""

DECODED_ESCAPES = {escape: chr(byte) for byte in range(128) for escape in (f"%{byte:02X}", f"%{byte:02x}")}

PATH_CHARACTERS = "/:@!$&'()*+,;=[]-._~%"

ESCAPED_CHARACTERS = re.compile(
    r"[!#-,/0-9A-Fa-f:;=?@\[\]\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\udc80-\udcff]"
)
"""Characters that stay escaped: those that have a meaning in a path or after a loose `%`, are invisible, or are bytes
of no letter.
"""

PUNYCODE = "xn--"
IN_PUNYCODE = re.compile(r"(?<![^./@])xn--([a-z0-9-]+)(?![^./:@\[\]])", re.IGNORECASE)
HOST_LABEL = re.compile(r"[^./:@\[\]]+")
LETTER_CATEGORIES = ("L", "M", "N")
DOMAIN_JOINERS = "-\u00b7\u200c\u200d\u30fb"
"""Other characters of domain names (RFC 5892)."""


def is_on_disk(page: str | None) -> bool:
    """Whether an address is of a local file. It contains the names of a person's folders, and belongs to no site."""
    return bool(page and ON_DISK.match(page))


def without_query(address: str | None) -> str | None:
    """Origin and path of a URL. Queries, fragments and user names may be personal data and must not be stored."""
    if not address or UNOPENABLE_ADDRESS.fullmatch(address):
        return None
    return USER.sub(r"\1", QUERY_OR_FRAGMENT.split(address, 1)[0], count=1) or None


def before_query(address: str) -> str:
    """A page's address without its query and fragment. A route belongs to its path."""
    route = ROUTE.match(address)
    return QUERY_OR_FRAGMENT.split(address, 1)[0] + ("".join(route.groups()) if route else "")


def page_of(sent: str | None) -> str | None:
    """The page that a client names: a path and a route without their queries, `normal`. An http(s) address loses its
    origin. None for anything else, such as the address of a local file.
    """
    if not sent or PLAIN_PATH.fullmatch(sent):
        return sent or None
    path = without_query(sent.strip(SPACES)) or ""
    if origin := HTTP_ORIGIN.match(path):
        path = path[origin.end() :] or "/"
    if not path.startswith("/") or is_on_disk(path):
        return None
    route = ROUTE.match(sent)
    return normal(_beginning(path)) + (route[1] + normal(_beginning(route[2].rstrip(SPACES))) if route else "")


def sent_page(sent: str | None) -> str | None:
    """The page that a client names, cut to MAX_TEXT_LENGTH characters as it is stored."""
    page = page_of(sent)
    return page and _cut(page)


def _beginning(address: str) -> str:
    """The beginning of an address that is enough to derive its stored form. Each stored character comes from at most
    three characters in ASCII, otherwise from one.
    """
    return address[: MAX_ESCAPED_LENGTH if address.isascii() else MAX_TEXT_LENGTH + 1]


def referrer_path(referrer: str | None) -> str | None:
    """A referrer as it is stored. A URL is stored like a page; another text, such as a host, is only cut. Clients say
    `direct` if there is none.
    """
    if not referrer or referrer.strip(" ()").lower() == "direct":
        return None
    if PLAIN_ADDRESS.fullmatch(referrer):
        return _cut(referrer)
    path = _beginning(without_query(referrer) or "")
    if not path:
        return None
    return _cut(normal(path)) if AUTHORITY.match(path) else truncate(path)


def normal(address: str) -> str:
    """An address in the spelling of RFC 3986, 6.2.2, so that two spellings are one page."""
    origin, path = _split(address)
    if origin.isascii() or origin.count(".") < MAX_LABELS:
        origin = ascii_host(origin)
    origin = whole(origin)
    if not NORMAL_PATH.fullmatch(path):
        path = UNRESERVED_ESCAPES.sub(
            lambda escape: DECODED_ESCAPES[escape[0]], quote(whole(path), safe=PATH_CHARACTERS)
        )
        path = ESCAPES.sub(lambda run: run[0].upper(), path)
    return origin + (_without_dots(path) if DOT_SEGMENT.search(path) else path)


def _without_dots(path: str) -> str:
    """The path without dot segments (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    first, *segments = path.split("/")
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    is_folder = segments[-1] in (".", "..")
    return "/".join([first, *kept, *([""] if is_folder else [])])


def _split(address: str) -> tuple[str, str]:
    """The origin, if the address has one, and the path."""
    match = AUTHORITY.match(address)
    at = match.end() if match else 0
    return address[:at], address[at:]


def _cut(path: str) -> str:
    """The first MAX_TEXT_LENGTH characters of a path, without an escaped letter that would be broken."""
    end = MAX_TEXT_LENGTH
    if len(path) <= end:
        return path
    end -= next((back for back in (1, 2) if path[end - back] == "%"), 0)
    for _ in range(3):  # a letter has at most three continuation bytes (RFC 3629)
        if not re.match("%[89AB]", path[end : end + 3]) or path[end - 3] != "%":
            break
        end -= 3
    return path[:end]


def shown(address: str) -> str:
    """An address as people read it: letters are decoded, and the host is in its own script. `normal` reverses this."""
    origin, path = _split(address)
    return shown_host(origin) + ESCAPES.sub(_decoded, path)


def _decoded(escapes: re.Match[str]) -> str:
    text = unquote_to_bytes(escapes[0]).decode(errors="surrogateescape")
    return ESCAPED_CHARACTERS.sub(lambda one: quote(one[0], safe="", errors="surrogateescape"), text)


def ascii_host(host: str) -> str:
    """A host as browsers send it: in lower case, other scripts in Punycode (RFC 3492)."""
    return HOST_LABEL.sub(_encoded_label, host)


def shown_host(host: str) -> str:
    """A host in its own script. Labels that no registry could have encoded stay as they are."""
    return IN_PUNYCODE.sub(_decoded_label, host) if PUNYCODE in host else host


def _encoded_label(label: re.Match[str]) -> str:
    try:
        return ascii_domain(label[0])
    except ValueError:  # a symbol, for example, which some registries have accepted
        name = unicodedata.normalize("NFC", label[0].lower())
        return PUNYCODE + name.encode("punycode", "replace").decode()


def _decoded_label(label: re.Match[str]) -> str:
    try:
        text = label[1].encode().decode("punycode")
    except UnicodeError:
        return label[0]
    is_name = all(unicodedata.category(letter)[0] in LETTER_CATEGORIES or letter in DOMAIN_JOINERS for letter in text)
    return text if is_name and ascii_host(text) == label[0].lower() else label[0]


def origin_of(address: str | None) -> str | None:
    """The part of a URL before its path. For any other text, the part before the first slash."""
    match = URL_ORIGIN.match(address) if address else None
    return match[0] or None if match else None


def host_of(address: str) -> str:
    """A URL's host as it is shown, without `www.`. For any other text, the part before the first slash."""
    return shown_host(address.partition("://")[2].partition("/")[0].removeprefix("www.") or address.partition("/")[0])


@lru_cache(maxsize=4096)
def bare_host(address: str) -> str:
    """A host as `ascii_host` writes it, without `www.` and port, from a URL or a host with or without a path. "" for an
    invalid address.
    """
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""
    return ascii_host(host).rstrip(".").removeprefix("www.")
