"""Pages whose caches have scripts of earlier versions: they and today's parts count the visit and later pages."""

from __future__ import annotations

import re
import subprocess
from itertools import combinations

import pytest
from host_pages import begin
from pages import away, expect, live, wait_for
from support.programs.processes import ROOT
from test_count_element import number, tag
from test_offline import WAITING, rows

BEFORE = "cdd7f1320"
"""The last version whose parts have no numbers. This test needs it in the history."""

NUMBERED = "1801f6355"
"""A version whose parts have numbers. The client and the queue have other numbers now."""

ENTRIES = ("js/koyjabo-count.js", "js/koyjabo.js")
MIXTURES = [(BEFORE, cached) for count in range(3) for cached in combinations(ENTRIES, count)]
MIXTURES += [
    (NUMBERED, (*ENTRIES, *(f"js/koyjabo-{part}.2.js" for part in parts)))
    for parts in ((), ("client",), ("queue",), ("client", "queue"))
]
NO_SOCKETS = "window.WebSocket = null;"
OLD_WORKER = "/static/v-000000000000/counting/service-worker.js"
OLD_IMPORT = f'import "{OLD_WORKER}";'
STORE = "(queue) => import(queue).then(({ later }) => later(1, localStorage))"
CACHES = "caches.keys()"
PROOF = "web/assets/test_static_files.py::test_the_scripts_of_the_release_before_find_what_they_import"


def send_text_before(route, version: str = BEFORE) -> None:
    path = f"{version}:koyjabo/static/counting/{re.split('/(?:js|counting)/', route.request.url)[1]}"
    text = subprocess.run(["git", "show", path], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    route.fulfill(content_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"}, body=text)


@pytest.mark.long(proved_by=PROOF)
@pytest.mark.parametrize("distortion", ["", NO_SOCKETS], ids=["sockets", "streams"])
@pytest.mark.parametrize(("version", "cached"), MIXTURES)
@pytest.mark.parametrize("surface", ["element", "module"])
def test_a_mix_of_cached_older_scripts_and_new_ones_counts_visits_and_page_views(
    page, site, other_site, surface, version, cached, distortion
):
    page.add_init_script(distortion)
    for name in (*cached, *(["js/client/*"] if {ENTRIES[1], "js/koyjabo-client.2.js"} & {*cached} else [])):
        page.route(f"**/static/{name}", lambda route: send_text_before(route, version))
    page.goto(f"{other_site}posts/first")
    before = site.stats().total
    if surface == "element":
        page.set_content(f'<koyjabo-count value="page" views></koyjabo-count>{tag(site)}')
        expect(number(page)).to_have_text(re.compile("[0-9]"))
    else:
        begin(page, site, pageViews=True)
        wait_for(page, lambda: page.evaluate("window.koyjabo.isCounted"), "the visit is counted")
    who = page.evaluate("localStorage.visitorId")
    page.evaluate("history.pushState({}, '', '/posts/next')")
    views = f"SELECT page FROM events WHERE visitor_id = '{who}'"
    wait_for(page, lambda: site.database.rows(views) == [("/posts/next",)], "the next page is counted")
    assert site.stats().total == before + 1


@pytest.mark.long(proved_by=PROOF)
def test_a_visit_queued_for_an_old_service_worker_counts_once_after_the_update(new_device, site):
    device = new_device(service_workers="allow")
    device.context.route("**/sw.js", lambda route: route.fulfill(content_type="text/javascript", body=OLD_IMPORT))
    device.context.route(f"**{OLD_WORKER}", send_text_before)
    page = live(device.open())
    wait_for(page, lambda: page.evaluate("caches.match('/offline').then((copy) => !!copy)"), "the old one has copies")
    who, (old_cache,) = page.evaluate("localStorage.visitorId"), page.evaluate(CACHES)
    assert old_cache.endswith(OLD_WORKER)
    page.close()
    with away(site):
        page = device.open()
        wait_for(page, lambda: len(page.evaluate(WAITING)) == 1, "the visit waits")
        page.evaluate(STORE, OLD_WORKER.replace("service-worker", "koyjabo-queue"))
        wait_for(page, lambda: page.evaluate(WAITING) == ["0"], "the old queue stores it")
        page.close()
    device.context.unroute("**/sw.js")
    page = live(device.open())
    wait_for(page, lambda: old_cache not in page.evaluate(CACHES), "it is replaced")
    wait_for(page, lambda: len(rows(site, who)) == 3, "the visits are counted")
    wait_for(page, lambda: page.evaluate(WAITING) == [], "nothing waits")
    assert len(page.evaluate(CACHES)) == 1
