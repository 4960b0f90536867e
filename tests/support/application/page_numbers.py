"""The numbers of pages on a site whose jobs do not run."""

from __future__ import annotations

from koyjabo.site.page_numbers.page_totals import PageTotals
from support.application.site import Site
from support.programs.processes import wait_until


def when_counted(site: Site, url: str, *paths: str, **headers: str):
    """The response to a request for numbers of pages. It is repeated until the views are counted."""

    def response():
        response = site.client.get(url, query_string=[("path", path) for path in paths] or None, headers=headers)
        return response if response.status_code != 503 else site.services[PageTotals].tick()

    return wait_until(response, "the views are counted")
