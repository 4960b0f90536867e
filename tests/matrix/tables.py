"""The eleven tables: of the product, and of the machine that the tests run on."""

from __future__ import annotations

from matrix import browser, element, page
from matrix.behind import BEHIND
from matrix.clients import CLIENTS
from matrix.clocks import TIME
from matrix.front import FRONT
from matrix.instead import INSTEAD
from matrix.machine import MACHINE
from matrix.settings import SETTINGS
from matrix.table import Table
from matrix.versions import VERSIONS

TABLES: tuple[Table, ...] = (
    *(browser.TABLE, element.TABLE, page.TABLE, SETTINGS, BEHIND, FRONT, INSTEAD, VERSIONS, TIME, CLIENTS),
    MACHINE,
)
