"""Visits of nine days: on a Thursday fewer came to /fares from Google, and all others as usual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from support.app_fixtures import Site, Time

TODAY = (datetime.now(UTC) + timedelta(hours=6)).date()  # in Dhaka
THURSDAY = TODAY - timedelta(3)  # let it be one
GOOGLE, FACEBOOK = "https://www.google.com/", "https://m.facebook.com/"
CAUSE = ("/fares", GOOGLE)
USUAL = {("/", None): 6, ("/", GOOGLE): 4, ("/fares", FACEBOOK): 2, CAUSE: 8}
FELL = {**USUAL, CAUSE: 1}


def fill(url: str) -> None:
    with Site(url, Time()) as site:
        for back in range(9, 0, -1):
            day = TODAY - timedelta(back)
            site.time.go_to(f"{day}T10:00:00+06:00")
            for (page, referrer), times in (FELL if day == THURSDAY else USUAL).items():
                for number in range(times):
                    name = f"{day}{page}{referrer}{number}"
                    fields = {"referrer": referrer} if referrer else {}
                    site.register(f"visitor{number}", visitId=name, page=page, **fields)
