"""The table *time*: what happens to what the server does by the clock when the clock or the calendar is odd.

The clock is wrong by so much for good, or is right while eight minutes pass over something odd in the calendar.
"""

from __future__ import annotations

from typing import NamedTuple

from support.application.site import Time

from matrix.table import ANY, Table

PASSED_MIN = 8
"""How long every distortion but a wrong clock lasts, minutes: shorter than the life of a proof and an access token."""

VALID_MIN = 45
"""How long the keys, links and tokens of these tests are valid, minutes."""


class Distortion(NamedTuple):
    zone: str = "Asia/Dhaka"
    begins: str = "2025-12-16T10:00:00+06:00"
    wrong_hours: float = 0
    """By how much the clock goes wrong, without time passing."""

    is_at_start: bool = False
    """Whether the server is restarted with the wrong clock."""

    stands_still: bool = False

    def apply(self, time: Time) -> None:
        if not self.wrong_hours:
            time.pass_(minutes=PASSED_MIN)
        time.put_right(minutes=self.wrong_min)

    def end(self, time: Time) -> None:
        """End what is wrong with the clock."""
        time.put_right(minutes=-self.wrong_min)

    @property
    def wrong_min(self) -> float:
        return -PASSED_MIN if self.stands_still else 60 * self.wrong_hours


YEAR_H = 365 * 24
DISTORTIONS = {
    "hour ahead": Distortion(wrong_hours=1),
    "hour behind": Distortion(wrong_hours=-1),
    "year ahead": Distortion(wrong_hours=YEAR_H, is_at_start=True),
    "year behind": Distortion(wrong_hours=-YEAR_H, is_at_start=True),
    "DST forwards": Distortion("Europe/Helsinki", "2026-03-29T02:56:00+02:00"),
    "DST back": Distortion("Europe/Helsinki", "2026-10-25T03:56:00+03:00"),
    "leap day": Distortion(begins="2028-02-28T23:56:00+06:00"),
    "midnight": Distortion(begins="2025-12-31T23:56:00+06:00"),
    "standing still": Distortion(stands_still=True),
    "step while running": Distortion(wrong_hours=49),
    "zone changes its rules": Distortion("Asia/Almaty", "2024-02-29T23:56:00+06:00"),  # from +06 to +05 at midnight
}

TIME = Table(
    name="time",
    test="matrix/test_clocks.py::test_work_by_an_odd_clock_has_the_outcome_of_its_row",
    distortions=tuple(DISTORTIONS),
    rows="""
    registering, today, reports  c c c c c c c c c c c
    night's work                 c c w w c c c c c w c
    emails, backup               c c c c c c c c c c c
    active visitors              m m m m m m m m m m m
    leases                       c c c c c c c c w c c
    tokens                       r r r r m m m m m r m
    printed link                 c c c c c c c c c c c
    logins                       m m r m m m m m m m m
    codes                        r r r m m m m m r r m
    proofs                       r r r m m m m m m r m
    links, keys                  r m r m m m m m m r m
    server at rest               - - - - c c c c - - c
    """,
    says={
        ("tokens", "* behind"): "invalid_token",
        ("tokens", ANY): "token_expired",
        ("logins", ANY): "token_expired",
        ("codes", ANY): "wrong_code",
        ("proofs", "year ahead"): "invalid_token",  # the session has ended
        ("proofs", ANY): "proof_required",
        ("links", ANY): "unknown_share",
        ("keys", ANY): "key_expired",
    },
    reasons={
        ("night's work", "year ahead"): "nothing is removed while the clock is over a day ahead of the newest visit",
        ("night's work", "step while running"): "nothing is removed while the clock is over a day ahead",
        ("night's work", "year behind"): "nothing is removed while the clock is in doubt",
        ("leases", "standing still"): "another worker can see that time passes only by the clock",
        ("tokens", "* behind"): "its nbf is in the future",
        ("printed link", ANY): "it works within an hour of the start that prints it",
        ("proofs", "hour behind"): "a clock that was set back must not lengthen a proof",
        ("emails", ANY): "what waits is sent at the latest after the longest pause, once the clock is right again",
        (ANY, "year behind"): "the clock is in doubt, so the time goes on from the newest visit",
        **{("server at rest", how): "its clock is wrong" for how in ("hour *", "year *", "standing *", "step *")},
        **{(name, "hour behind"): "they end by the clock, which is behind" for name in ("links", "keys")},
    },
    is_quick_in_each_row=True,
)
