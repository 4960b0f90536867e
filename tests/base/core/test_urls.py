"""How addresses are stored and shown (RFC 3986, RFC 3492)."""

import json
import re
import subprocess
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, strategies as st
from support.programs.processes import ROOT
from support.runs.fuzz_effort import effort

from koyjabo.base.core.domains import ascii_domain
from koyjabo.base.core.urls import ascii_host, page_path, referrer_path, shown, shown_host, spellings

BUS = "/%E0%A6%AC%E0%A6%BE%E0%A6%B8"


def test_spellings_of_a_path_are_one_page():
    expected = {
        BUS: [BUS, BUS.lower(), "/বাস", "/%e0%A6%acাস", "/বাস?a#b"],
        "/~u": ["/~u", "/%7Eu", "/%7eu", "/~%75"],
        "/a-b_c.d~1": ["/%61%2Db%5Fc%2ed%7e%31"],
        "/a%2Fb%3Fc%23d%25e": ["/a%2Fb%3Fc%23d%25e", "/a%2fb%3fc%23d%25e"],
        "/a%20b": ["/a b", "/a%20b"],
        "/100%": ["/100%"],
        "/100%25": ["/100%25"],
        "/%%341%4%31": ["/%%341%4%31"],
        "/%2541": ["/%2541"],  # an escaped percent sign is not decoded twice
        "/x,y(z)": ["/x,y(z)"],
        "/x%2Cy": ["/x%2Cy", "/x%2cy"],  # another page than /x,y
        "/%FF%E0%A6": ["/%ff%e0%a6"],
        "/a//@x/b": ["/a//@x/b"],
        "/a//name@x": ["/a//name@x"],
        "https://bus.example/a": ["https://bus.example/a", "HTTPS://me:secret@Bus.example/%61?b"],
        "https://xn--54b7fta0cc.example" + BUS: ["https://বাংলা.example/বাস"],
    }
    assert {stored: {page_path(page) for page in pages} for stored, pages in expected.items()} == {
        stored: {stored} for stored in expected
    }


ADDRESSES = ROOT / "node_modules/@wordpress/url/src/test/fixtures/wpt-data.json"
READ = """
const BASE = "http://example.org/foo/bar"
const unreserved = /[A-Za-z0-9._~-]/
const normal = (path) => path.replace(/%[0-9a-f]{2}/gi, (escape) => {
  const letter = String.fromCharCode(parseInt(escape.slice(1), 16))
  return unreserved.test(letter) ? letter : escape.toUpperCase()
})
const read = (input) => {
  const url = URL.canParse(input, BASE) && new URL(input, BASE)
  return url && url.protocol.startsWith("http") ? [input, url.pathname, normal(url.pathname)] : null
}
const inputs = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
console.log(JSON.stringify(inputs.map(read).filter(Boolean)))
"""
"""Reads addresses as browsers do (WHATWG URL): as sent, and with the normal spelling of the path (RFC 3986, 6.2.2)."""

ORIGIN = re.compile(r"\A\s*https?://[^/?#\\]*|(?=/[^/])", re.IGNORECASE)
REMOVED = re.compile(r"[\t\n\r\\]|[\s]\Z")
"""Characters that only browsers remove, or read as a slash."""


def test_addresses_of_the_web_platform_tests_are_one_page_however_they_are_written():
    """A program may send the address as it was written, which is the same page."""
    inputs = json.dumps([entry["input"] for entry in json.loads(ADDRESSES.read_text())])
    read = subprocess.run(["node", "-e", READ], input=inputs, capture_output=True, text=True, check=True)
    addresses = json.loads(read.stdout)
    assert len(addresses) > 100
    for address, sent, page in addresses:
        assert page_path(sent) == page, address
        if (origin := ORIGIN.match(address)) and not REMOVED.search(address):
            assert page_path(re.split("[?#]", address[origin.end() :])[0] or "/") == page, address


def test_pages_of_no_site_have_no_path():
    for page in ("about:blank", "data:text/html,<p>secret", "blob:https://a.example/1", "file:///home/a", "/D:/a.html"):
        assert page_path(page) is None


def test_path_is_cut_before_a_broken_letter():
    for letter, size in (("%E0%A6%AC", 9), ("%C3%A9", 6), ("%F0%9F%98%80", 12), ("%2F", 3), ("a", 1)):
        for start in ("/", "/a", "/ab", "/abc"):
            path = page_path(start + letter * 600)
            assert path == start + letter * ((512 - len(start)) // size)
    assert len(page_path("/" + "%80" * 600)) > 500, "bytes of no letter are cut as well"
    assert page_path("/" + "x" * 511 + "%20") == "/" + "x" * 511


def test_addresses_are_shown_as_people_read_them():
    expected = {
        BUS: "/বাস",
        "/a%20b%2Fc%3Fd%23e%25f": "/a b%2Fc%3Fd%23e%25f",
        "/%FF%E0%A6%AC": "/%FFব",
        "/%00%0A%E2%80%AE%E2%80%8B": "/%00%0A%E2%80%AE%E2%80%8B",  # invisible, or turns the text around
        "/%E0%A6%95%E0%A7%8D%E2%80%8D%E0%A6%B7": "/ক্‍ষ",  # a joiner
        "https://xn--54b7fta0cc.example:8443/": "https://বাংলা.example:8443/",
        "https://www.xn--54b7fta0cc.example" + BUS: "https://www.বাংলা.example/বাস",
    }
    assert {address: shown(address) for address in expected} == expected


@effort(300)
@given(st.text(st.sampled_from("/%aAfF0279eE~ \u202eব😀([+,?#\ud800@:") | st.characters(), max_size=700))
def test_shown_page_is_the_page_that_was_stored(text):
    path = page_path("/" + text)
    if path is None:  # a local file
        return
    assert path.isascii()
    assert len(path) <= 512
    assert page_path(path) == path
    assert page_path(shown(path)) == path
    assert path in spellings(path)
    assert path in spellings(shown(path))


def test_hosts_have_one_ascii_form_and_are_shown_in_their_own_script():
    expected = {
        "বাংলা.বাংলা": "xn--54b7fta0cc.xn--54b7fta0cc",
        "faß.example": "xn--fa-hia.example",
        "shop.example": "shop.example",
        "пример.рф": "xn--e1afmkfd.xn--p1ai",
        "ΒΌΛΟΣ.example": "xn--nxasmq6b.example",  # one capital letter has two small ones
        "ｓｈｏｐ。example": "shop.example",
        "☃.Example": "xn--n3h.example",  # IDNA 2008 refuses it, but a browser has opened it
    }
    assert {host: ascii_host(host) for host in expected} == expected
    assert {host: shown_host(ascii_host(host.upper())) for host in ("пример.рф", "বাংলা.বাংলা")} == {
        "пример.рф": "пример.рф",
        "বাংলা.বাংলা": "বাংলা.বাংলা",
    }
    for broken in ("xn--", "xn--a", "xn--zzzzzz", "xn--a-.example", "xn--abc-"):
        assert shown_host(broken) == broken


def test_other_texts_than_urls_are_referrers_as_they_are():
    expected = {"বাংলা.example/a": "বাংলা.example/a", "Some newsletter": "Some newsletter", "a" * 600: "a" * 512}
    assert {text: referrer_path(text) for text in expected} == expected


DOMAINS = ROOT / "node_modules/idna-uts46/test/IdnaTest.txt"
"""Unicode's tests for UTS 46."""

ESCAPE = re.compile(r"\\u([0-9A-F]{4})|\\x\{([0-9A-F]+)\}")


class Case(NamedTuple):
    name: str
    expected: str
    """The name in ASCII; "" if it is not valid."""

    is_ours: bool
    """Whether IDNA 2008 agrees, which allows no symbols."""


def case(kind: str, source: str, shown: str, ascii_name: str, *note: str) -> Case:
    expected = ascii_name or shown or source
    return Case(unescaped(source), "" if expected.startswith("[") else unescaped(expected), not any(note))


def unescaped(field: str) -> str:
    text = ESCAPE.sub(lambda escape: chr(int(escape[1] or escape[2], 16)), field)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # joins surrogates


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """The cases without the transitional step (T). Invalid names in ASCII are left out, because the product does not
    check such names.
    """
    lines = (line.partition("#")[0].split(";") for line in DOMAINS.read_text().splitlines())
    fields = ([field.strip() for field in line] for line in lines if len(line) > 1)
    cases = [case(*line) for line in fields if line[0] != "T"]
    return [case for case in cases if case.expected or not case.name.isascii()]


def in_email(case: Case) -> str:
    """The domain of an email in ASCII, or "" if it is refused."""
    try:
        return ascii_domain(case.name)
    except ValueError:
        return "" if case.is_ours else case.expected


def share(cases: list[Case], read: Callable[[Case], str]) -> float:
    return sum(read(case) == case.expected for case in cases) / len(cases)


def test_domains_of_the_corpus_are_the_names_that_it_says(cases):
    """A referrer's host is never refused, because a browser has opened it."""
    valid = [case for case in cases if case.expected]
    assert len(cases) > 3_700
    assert share(valid, in_email) >= 0.995, "one name has an empty label"
    assert share([case for case in cases if not case.expected], in_email) >= 0.99, "Unicode 9 lacked letters of today"
    assert share(valid, lambda case: ascii_host(case.name)) >= 0.94, "symbols next to a full stop of another script"


def test_no_domain_of_the_corpus_becomes_another_domain(cases):
    assert [case for case in cases if case.expected and in_email(case) not in ("", case.expected)] == []
