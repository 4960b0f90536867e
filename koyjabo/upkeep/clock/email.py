"""The email about a clock in doubt."""

from collections.abc import Mapping
from typing import Any

from koyjabo.base.core.i18n import N_
from koyjabo.people.mail.contents import Contents
from koyjabo.people.mail.localizer import Localizer

CLOCK_MAIL = "clock_doubted"
CLOCK_MAIL_LABEL = N_("Clock in doubt")


def clock_doubted(speech: Localizer, data: Mapping[str, Any]) -> Contents:
    _ = speech.say
    times = {"clock": speech.moment(data["clock"]), "visits": speech.moment(data["visits"])}
    return Contents(
        _("Which time is right?"),
        [
            _("The clock of your server shows %(clock)s, but visits are filed at %(visits)s.", **times),
            _("Nothing is removed because of its age until this is settled, and each answer can be undone."),
        ],
        _("Say which one is right"),
        "/admin/server#clock",
    )
