"""How addresses are stored and shown (RFC 3986, RFC 3492), compared with the Web Platform Tests and Unicode's tests."""

import json
import re
import subprocess
from typing import NamedTuple

from hypothesis import given, strategies as st
from support.assertions.agreement import Agreement
from support.programs.processes import ROOT
from support.runs.fuzz_effort import effort

from koyjabo.base.core.domains import ascii_domain
from koyjabo.base.core.urls import ascii_host, referrer_path, sent_page, shown, shown_host

BUS = "/%E0%A6%AC%E0%A6%BE%E0%A6%B8"


def test_all_spellings_of_a_path_are_one_page():
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
        "/a": ["https://bus.example/a", "HTTPS://me:secret@Bus.example/%61?b", "/a#token=/b", "/a?next=/b#part"],
        "/a#/b": ["/a#/b", "/a?token=1#/b", "https://bus.example/a#/%62?token=1", "/a#/x/../b#c"],  # a route
        f"/#!{BUS}": ["/#!/বাস", "https://bus.example#!/বাস?token=1"],
    }
    assert {stored: {sent_page(page) for page in pages} for stored, pages in expected.items()} == {
        stored: {stored} for stored in expected
    }
    of_hosts = {
        "https://bus.example/a": "HTTPS://me:secret@Bus.example/%61?b",
        "https://xn--54b7fta0cc.example" + BUS: "https://বাংলা.example/বাস",
    }
    assert {stored: referrer_path(sent) for stored, sent in of_hosts.items()} == {stored: stored for stored in of_hosts}


WEB_ADDRESSES = ROOT / "node_modules/@wordpress/url/src/test/fixtures/wpt-data.json"
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
"""Prints each address, its path as Node.js and browsers send it (WHATWG URL), and the path in the normal spelling (RFC
3986, 6.2.2).
"""
ORIGIN = re.compile(r"\A\s*https?://[^/?#\\]*|(?=/[^/])", re.IGNORECASE)
REMOVED = re.compile(r"[\t\n\r\\]|[\s]\Z")  # Characters that only browsers remove, or read as a slash


def test_the_addresses_of_the_web_platform_tests_are_one_page_in_every_spelling():
    """A program may send the address as it was written, which is the same page."""
    inputs = json.dumps([entry["input"] for entry in json.loads(WEB_ADDRESSES.read_text())])
    read = subprocess.run(["node", "-e", READ], input=inputs, capture_output=True, text=True, check=True)
    addresses = json.loads(read.stdout)
    assert len(addresses) > 100
    for address, sent, page in addresses:
        assert sent_page(sent) == page, address
        origin = ORIGIN.match(address)
        if origin and not REMOVED.search(address):
            path = re.split("[?#]", address[origin.end() :])[0]
            assert sent_page(path or "/") == page, address


def test_a_long_path_is_cut_before_a_letter_that_would_be_broken():
    for letter, size in (("%E0%A6%AC", 9), ("%C3%A9", 6), ("%F0%9F%98%80", 12), ("%2F", 3), ("a", 1)):
        for start in ("/", "/a", "/ab", "/abc"):
            path = sent_page(start + letter * 600)
            assert path == start + letter * ((512 - len(start)) // size)
    assert len(sent_page("/" + "%80" * 600)) > 500, "bytes of no letter are cut as well"
    assert sent_page("/" + "x" * 511 + "%20") == "/" + "x" * 511


def test_an_address_is_shown_decoded_except_for_characters_that_would_mislead():
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
def test_the_shown_form_of_an_address_leads_to_the_stored_page(text):
    path = sent_page("/" + text)
    if path is None:  # a local file
        return
    assert path.isascii()
    assert len(path) <= 512
    assert sent_page(path) == path
    assert sent_page(shown(path)) == path


def test_a_host_has_one_ascii_form_and_is_shown_in_its_own_script():
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


def test_a_referrer_that_is_no_url_is_stored_unless_it_is_direct():
    expected = {"বাংলা.example/a": "বাংলা.example/a", "Some newsletter": "Some newsletter", "a" * 600: "a" * 512}
    expected |= dict.fromkeys(("direct", "Direct", "DIRECT", "(direct)", " direct "))
    expected |= {text: text for text in ("direct.example", "https://direct/", "Direct mail")}
    assert {text: referrer_path(text) for text in expected} == expected


DOMAINS = ROOT / "node_modules/idna-uts46/test/IdnaTest.txt"  # Unicode's tests for UTS 46
ESCAPE = re.compile(r"\\u([0-9A-F]{4})|\\x\{([0-9A-F]+)\}")
TRANSITIONAL, ERROR = "T", "["
VALID, INVALID, HOST = "domain of an email", "domain of no email", "host of a referrer"
"""What is judged. A referrer's host is never refused, because a browser has opened it."""


class Domain(NamedTuple):
    name: str
    expected: str  # the name in ASCII; "" if it is not valid
    note: str  # NV8 or XV8 if UTS 46 allows the name and IDNA 2008 does not, as for symbols


def domains() -> list[Domain]:
    """The cases without the transitional step and without invalid names in ASCII, which the product does not check."""
    lines = (line.partition("#")[0].split(";") for line in DOMAINS.read_text().splitlines())
    fields = ([field.strip() for field in line] for line in lines if len(line) > 1)
    read = [_domain(*line[1:4], "".join(line[4:])) for line in fields if line[0] != TRANSITIONAL]
    return [domain for domain in read if domain.expected or not domain.name.isascii()]


def _domain(source: str, shown: str, ascii_name: str, note: str) -> Domain:
    expected = ascii_name or shown or source
    return Domain(_text(source), "" if expected.startswith(ERROR) else _text(expected), note)


def _text(field: str) -> str:
    text = ESCAPE.sub(lambda escape: chr(int(escape[1] or escape[2], 16)), field)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # joins surrogates


def _as_email(domain: Domain) -> str:
    try:
        name = ascii_domain(domain.name)
    except ValueError:
        return "is refused" if domain.expected and not domain.note else ""
    return "" if name == domain.expected else "is another" if domain.expected else "is accepted"


LEAST = {  # wanted agreement, in percent
    VALID: 99.5,  # one name has an empty label
    INVALID: 99.0,  # Unicode 9 did not have all of today's letters
    HOST: 94.0,  # symbols next to a full stop of another script
}


def test_each_domain_of_the_corpus_gets_its_expected_name_and_remains_distinct():
    cases = domains()
    assert len(cases) > 3_700
    valid, invalid = ([case for case in cases if bool(case.expected) == is_valid] for is_valid in (True, False))
    hosts = ((name, "" if ascii_host(name) == expected else "is another") for name, expected, _ in valid)
    agreements = {
        VALID: Agreement.of(VALID, DOMAINS.name, ((domain.name, _as_email(domain)) for domain in valid)),
        INVALID: Agreement.of(INVALID, DOMAINS.name, ((domain.name, _as_email(domain)) for domain in invalid)),
        HOST: Agreement.of(HOST, DOMAINS.name, hosts),
    }
    assert [agreement.row() for what, agreement in agreements.items() if agreement.share < LEAST[what]] == []
    assert [name for name, mistake in agreements[VALID].wrong.items() if mistake == "is another"] == []
