"""The contents of the weekly report's email, in the recipient's language."""

from collections.abc import Mapping, Sequence
from typing import Any

from koyjabo.base.core.i18n import N_
from koyjabo.people.mail.contents import Contents, Listing
from koyjabo.people.mail.localizer import Localizer
from koyjabo.people.mail.mailable import mailable

EMAIL_LABEL = N_("Weekly report")
TOP_LISTS = {"pages": N_("Pages"), "sources": N_("Sources"), "places": N_("Locations")}
ON_REQUEST = N_("You get this email because you asked for it. You can turn it off on your account page.")


def weekly(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _, count = speech.say, speech.count
    first, last = speech.day(data["first"]), speech.day(data["last"])
    site = [
        _("Total visits: %(count)s", count=count(data["total"])),
        _compared(speech, N_("Visits this week: %(count)s"), data["visits"], data["visits_before"]),
        _compared(speech, N_("New visitors: %(count)s"), data["new"], data["new_before"]),
    ]
    return Contents(
        _("Weekly report: %(count)s visits", count=count(data["visits"])),
        [
            f"{first} – {last}",
            "\n".join(site),
            *(_top(speech, title, data[name]) for name, title in TOP_LISTS.items() if data.get(name)),
            *(_community(speech, community) for community in data["communities"]),
        ],
        _("Open the site"),
        "/",
        closing=_(ON_REQUEST),
    )


def _top(speech: Localizer, title: str, rows: Sequence[tuple[str, int, int]]) -> Listing:
    items = [
        _with_change(speech, f"{' '.join(label.split())}: {speech.count(now)}", now, before)
        for label, now, before in rows
    ]
    return Listing(speech.say(title), items)


def _community(speech: Localizer, community: Mapping[str, Any]) -> str:
    lines = [
        mailable(community["name"]) or speech.say(N_("A community")),
        _compared(speech, N_("Visits this week: %(count)s"), community["visits"], community["visits_before"]),
        speech.say(N_("Most people online at once: %(count)s"), count=speech.count(community["most"])),
    ]
    return "\n".join(lines)


def _compared(speech: Localizer, sentence: str, now: int, before: int) -> str:
    return _with_change(speech, speech.say(sentence, count=speech.count(now)), now, before)


def _with_change(speech: Localizer, text: str, now: int, before: int) -> str:
    """The text with the change since the week before, if there was anything to compare with."""
    change = speech.change(now, before)
    return f"{text} ({change})" if change else text
