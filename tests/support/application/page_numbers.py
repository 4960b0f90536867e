"""The numbers of pages on a site whose jobs do not run."""

from __future__ import annotations

from koyjabo.reports.services import ReportServices
from support.application.site import Site


def when_counted(site: Site, url: str, **headers: str):
    """The response to a request for numbers of pages. It is repeated until the views are counted."""
    while (response := site.client.get(url, headers=headers)).status_code == 503:
        site.services[ReportServices].page_totals.tick()
    return response
