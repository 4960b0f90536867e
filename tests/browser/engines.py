"""A tab in each engine: Chromium, Firefox and WebKit. `go` opens an address, and `run` evaluates an expression."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.clients.node_page import NodePage
from support.programs import installed
from support.programs.processes import ROOT

LIBRARIES = ROOT / "tests" / "matrix" / "libraries"
MINI_BROWSER = "webkit2gtk-4.*/MiniBrowser"
SCREEN = ("-screen", "0", "1280x900x24", "-nolisten", "tcp")


class Tab:
    def __init__(self, go: Callable[[str], object], run: Callable[[str], Any]) -> None:
        self.go, self.run = go, run


@contextmanager
def chromium(request: pytest.FixtureRequest, _folder: Path) -> Iterator[Tab]:
    page = request.getfixturevalue("browser").new_page()  # quick tests that lack it are skipped
    yield Tab(page.goto, page.evaluate)
    page.close()


@contextmanager
def firefox(_request: pytest.FixtureRequest, _folder: Path) -> Iterator[Tab]:
    with required():
        program = installed.program("firefox-esr")
    if not (LIBRARIES / "node_modules").exists():
        pytest.fail("puppeteer-core is missing: `make test-all` installs it")
    with closing(NodePage(Path(__file__).with_name("firefox_page.mjs"), 0, LIBRARIES, program)) as page:

        def do(*command: str) -> Any:
            number = len(page.events("done")) + 1
            page.do(json.dumps(command))
            return page.wait_for_number(number, "done")["value"]

        yield Tab(lambda url: do("go", url), lambda expression: do("run", expression))


@contextmanager
def webkit(_request: pytest.FixtureRequest, folder: Path) -> Iterator[Tab]:
    from selenium import webdriver  # slow to import
    from selenium.webdriver.webkitgtk.options import Options
    from selenium.webdriver.webkitgtk.service import Service

    with required():
        driver_path, display_path = installed.program("WebKitWebDriver"), installed.program("Xvfb")
    options = Options()
    (options.binary_location,) = map(str, Path("/usr/lib").glob(f"*/{MINI_BROWSER}"))
    options.add_argument("--automation")
    with display(display_path) as name:
        private = {
            "DISPLAY": name,
            "HOME": str(folder),
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
        }  # root has none
        driver = webdriver.WebKitGTK(options, Service(driver_path, env={**os.environ, **private}))
        try:
            yield Tab(driver.get, lambda expression: driver.execute_script(f"return ({expression})"))
        finally:
            driver.quit()


ENGINES = {"Chromium": chromium, "Firefox": firefox, "WebKit": webkit}


@contextmanager
def required() -> Iterator[None]:
    """Fail instead of skip for a program that is missing."""
    try:
        yield
    except pytest.skip.Exception as missing:
        pytest.fail(str(missing))


@contextmanager
def display(program: str) -> Iterator[str]:
    """A screen in memory. WebKit needs one."""
    reads, writes = os.pipe()
    process = subprocess.Popen(
        [program, "-displayfd", str(writes), *SCREEN], pass_fds=[writes], stderr=subprocess.DEVNULL
    )
    os.close(writes)
    with os.fdopen(reads) as number:
        yield f":{number.readline().strip()}"
    process.terminate()
    process.wait()
