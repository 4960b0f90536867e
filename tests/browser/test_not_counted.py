"""Those who do not want to be remembered, or not to be counted."""

from __future__ import annotations

import json

from support.elsewhere import begin, state, wait_for_state
from support.pages import check_accessible, expect, live, log_in, wait_for

LOCAL, SESSION = "Object.keys(localStorage).sort()", "Object.keys(sessionStorage).sort()"
SAYS = "This browser is not counted (KoyJabo.doNotCount)"


def test_page_that_remembers_nothing_has_an_id_for_the_session_alone(elsewhere, site):
    sent, opened, said = [], [], []
    elsewhere.on("request", lambda request: "register" in request.url and sent.append(request.post_data_json))

    def listen(socket) -> None:
        opened.append(socket.url)
        socket.on("framesent", lambda frame: said.append(frame))

    elsewhere.on("websocket", listen)
    before = site.stats()
    for _ in range(2):  # a reload is the same visit
        begin(elsewhere, site, remember=False)
        wait_for(elsewhere, lambda: state(elsewhere)[1] == "live", "it is live")
        assert elsewhere.evaluate(LOCAL) == []
        elsewhere.reload()
    ((body,), after) = sent, site.stats()
    assert body["anonymous"] is True
    assert {url.partition(f":{site.port}")[2] for url in opened} == {"/?anonymous=true"}, "proxies log URLs"
    assert {json.loads(frame)["visitorId"] for frame in said if "visitorId" in frame} == {body["visitorId"]}
    assert (after.total, after.unique) == (before.total + 1, before.unique + 1)
    assert site.post("/api/visitor/heartbeat", json={"visitorId": body["visitorId"]}).status_code == 404
    assert site.post("/api/visitor/heartbeat", json={**body}).status_code == 204


def test_browser_that_is_not_counted_registers_nothing_and_says_so(elsewhere, device, site):
    url = f"http://localhost:{site.port}/static/js/koyjabo.js"
    elsewhere.evaluate("async (url) => (await import(url)).KoyJabo.doNotCount()", url)
    before = site.stats().total
    begin(elsewhere, site)
    wait_for_state(elsewhere, before, "live")
    assert (elsewhere.evaluate(LOCAL), elsewhere.evaluate(SESSION)) == (
        ["koyjabo.doNotCount", f"koyjabo.stats localhost:{site.port}"],
        [],
    )
    assert device.console == [SAYS, "Connected to KoyJabo Analytics Stream"]
    elsewhere.evaluate("async (url) => (await import(url)).KoyJabo.doNotCount(false)", url)
    elsewhere.reload()
    begin(elsewhere, site)
    wait_for_state(elsewhere, before + 1, "live")


def test_switch_is_on_the_home_page_and_on_that_of_the_account(device, site, karim):
    page = live(device.open())
    page.get_by_text("Do not count me").click()
    check_accessible(page)
    page.get_by_label("Do not count this browser").check()
    page.get_by_text("Erase my data").click()
    page.get_by_role("button", name="Erase this browser's data").click()
    expect(page.locator("[data-forget] [role=status]")).to_contain_text("Your data has been erased")
    before = site.stats().total
    live(device.open())
    log_in(device, karim)
    another = device.open("/account")
    switch = another.get_by_label("Do not count this browser")
    expect(switch).to_be_checked()
    check_accessible(another)
    switch.uncheck()
    assert site.stats().total == before
    live(device.open())
    wait_for(another, lambda: site.stats().total == before + 1, "it is counted")
