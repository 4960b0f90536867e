"""Health as plain text for a chat: what is not fine, and the last 24 hours. Without secrets, emails and addresses, and
for viewers without paths.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import current_app
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from koyjabo.core.installation import VERSION
from koyjabo.maintenance.admin.health_lines import CheckInWords
from koyjabo.maintenance.admin.health_timeline import HealthRow
from koyjabo.maintenance.admin.health_words import LEVELS
from koyjabo.maintenance.health.checks import GOOD, OFF
from koyjabo.maintenance.health.health import HealthReport
from koyjabo.webkit.i18n import digits, translated

LAST_DAY = _("The last 24 hours")
TITLE = _("Koy Jabo Live %(version)s, %(kind)s, %(time)s")


def as_text(report: HealthReport, lines: Sequence[CheckInWords], rows: Sequence[HealthRow]) -> str:
    facts = report.facts
    title = TITLE % {"version": digits(VERSION), "kind": facts.installation.kind, "time": _exact(facts.now_ms)}
    wrong = [text for line in lines if line.level not in (GOOD, OFF) for text in _of_check(line)]
    past = [f"- {row.label}: {each.words}" for row in rows for each in row.told]
    return "\n".join([str(title), str(LEVELS[report.level]), *wrong, *([str(LAST_DAY)] if past else []), *past])


def _exact(at_ms: int) -> str:
    return str(current_app.jinja_env.filters["exact"](at_ms))


def _of_check(line: CheckInWords) -> list[str]:
    values = {name: Markup(value).striptags() for name, value in line.values.items()}
    said = [translated(line.sentence) % values, translated(line.cause) if line.cause else ""]
    first = f"- {line.label} ({line.state}): {' '.join(each for each in said if each)}"
    return [first, f"  $ {line.command}"] if line.command else [first]
