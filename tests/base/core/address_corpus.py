"""Addresses of the Web Platform Tests, as browsers read them, and the pages that the product stores (RFC 3986, 6.2.2).

Node.js reads addresses as browsers do (WHATWG URL), and writes their paths in the normal spelling.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from support.assertions.agreement import Agreement
from support.programs.processes import ROOT

from koyjabo.base.core.urls import sent_page

FILE = ROOT / "node_modules/@wordpress/url/src/test/fixtures/wpt-data.json"
READ = """
const BASE = "http://example.org/foo/bar"
const unreserved = /[A-Za-z0-9._~-]/
const normal = (path) => path.replace(/%[0-9a-f]{2}/gi, (escape) => {
  const letter = String.fromCharCode(parseInt(escape.slice(1), 16))
  return unreserved.test(letter) ? letter : escape.toUpperCase()
})
const read = (input) => {
  const url = URL.canParse(input, BASE) && new URL(input, BASE)
  return url && url.protocol.startsWith("http") ? { input, sent: url.pathname, page: normal(url.pathname) } : null
}
const inputs = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
console.log(JSON.stringify(inputs.map(read).filter(Boolean)))
"""
ORIGIN = re.compile(r"\A\s*https?://[^/?#\\]*|(?=/[^/])", re.IGNORECASE)
REMOVED = re.compile(r"[\t\n\r\\]|[\s]\Z")
"""Characters that only browsers remove, or read as a slash."""


class Address(NamedTuple):
    input: str
    sent: str
    """The path as a browser sends it."""
    page: str
    """The path in the normal spelling."""


def corpus() -> list[Address]:
    entries = json.loads(FILE.read_text())
    inputs = json.dumps([entry["input"] for entry in entries])
    read = subprocess.run(["node", "-e", READ], input=inputs, capture_output=True, text=True, check=True)
    return [Address(**entry) for entry in json.loads(read.stdout)]


def agreements() -> Iterator[Agreement]:
    judged = ((address.input, _mistake(address)) for address in corpus())
    yield Agreement.of("page of an address", "Web Platform Tests", judged)


def _mistake(address: Address) -> str:
    """A program may send the address as it was written, which is the same page."""
    if sent_page(address.sent) != address.page:
        return "another spelling"
    origin = ORIGIN.match(address.input)
    if origin is None or REMOVED.search(address.input):
        return ""
    path = re.split("[?#]", address.input[origin.end() :])[0]
    return "" if sent_page(path or "/") == address.page else "two pages"
