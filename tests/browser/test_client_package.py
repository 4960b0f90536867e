"""The npm packages on a page: in an application that esbuild has built, before a real server."""

from __future__ import annotations

import subprocess
import time

import jwt
import pytest
from support.members import Member, PlainMember
from support.package_fixtures import succeed
from support.pages import away, expect, log_in, wait_for
from support.processes import SECRET

APPLICATION = """
import { useKoyJabo, VisitorCounter, VisitorDashboard } from "@koyjabo/react";
import { KoyJabo } from "%s";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const koyjabo = new KoyJabo({ baseUrl: location.origin });
koyjabo.track("search");

function Numbers() {
  const { stats, line, visit } = useKoyJabo(koyjabo);
  return `${stats?.totalVisits} ${line} ${visit?.ordinal}`;
}

async function refreshed(token) {
  const headers = { Authorization: `Bearer ${token}` };
  return (await (await fetch("/api/auth/refresh", { method: "POST", headers })).json()).access_token;
}

const root = createRoot(document.querySelector("main"));
window.closed = [];
try { new KoyJabo(); } catch ({ message }) { window.problem = message; }
window.show = (name, { refresh, ...props } = {}) => {
  if (name === "Numbers") koyjabo.start();
  const more = { onClose: (code) => closed.push(code), refreshToken: refresh && (() => refreshed(refresh)) };
  root.render(createElement({ Numbers, VisitorCounter, VisitorDashboard }[name], { ...props, ...more }));
};
"""
BUNDLE = ["--bundle", "--splitting", "--format=esm", "--outdir=built", '--define:process.env.NODE_ENV="production"']
PAGE = '<!doctype html><title>Shop</title><main></main><script type="module" src="/shop/application.js"></script>'
SEARCHES = "SELECT count(*) FROM events WHERE name = 'search'"
ONLINE, OFFLINE = (f".status-indicator.{state}" for state in ("online", "offline"))

pytestmark = pytest.mark.long(proved_by="browser/test_client_module.py::test_any_page_can_import_it_and_is_one_visit")


@pytest.fixture
def entry() -> str:
    """Of the package, as the application imports it."""
    return "koyjabo"


@pytest.fixture
def shop(page, project, site, entry):
    """A page of the application, as if it came from the site."""
    (project / "application.js").write_text(APPLICATION.replace("%s", entry))
    command = ["node_modules/esbuild/bin/esbuild", "application.js", *BUNDLE]
    succeed(subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False))
    page.route("**/shop/", lambda route: route.fulfill(content_type="text/html", body=PAGE))
    page.route(
        "**/shop/*.js", lambda route: route.fulfill(path=project / "built" / route.request.url.rpartition("/")[2])
    )
    page.goto("/shop/")
    wait_for(page, lambda: page.evaluate("!!window.show"), "it has begun")
    return page


def show(page, name: str, **props) -> None:
    page.evaluate("([name, props]) => show(name, props)", [name, props])


def expired(member: Member) -> str:
    claims = jwt.decode(member.token, options={"verify_signature": False})
    return jwt.encode({**claims, "exp": int(time.time()) - 60}, SECRET, "HS256")


@pytest.mark.parametrize("entry", ["koyjabo", "koyjabo/all"])
def test_application_shows_the_numbers_live_and_counts(shop, site, entry):
    assert shop.evaluate("window.problem") == "KoyJabo needs baseUrl, the origin of your server"
    before, searches = site.stats().total, site.database.rows(SEARCHES)[0][0]
    show(shop, "Numbers")
    expect(shop.locator("main")).to_have_text(f"{before + 1} live {before + 1}")
    total = site.register("somebody").stats.total
    expect(shop.locator("main")).to_have_text(f"{total} live {before + 1}")
    wait_for(shop, lambda: site.database.rows(SEARCHES)[0][0] == searches + 1, "its event is counted")


def test_counter_and_dashboard_of_a_community_follow_who_comes(shop, site, founder, community):
    """By the session of the browser, which needs no token."""
    log_in(shop, founder)
    show(shop, "VisitorCounter", communityId=community)
    expect(shop.locator(".count")).to_have_text("1")
    guest = Member(site).join(community)
    with PlainMember(site.port, community, guest.token):
        expect(shop.locator(".count")).to_have_text("2")
    expect(shop.locator(".count")).to_have_text("1")
    with away(site):
        expect(shop.locator(OFFLINE)).to_be_visible()
    expect(shop.locator(ONLINE)).to_be_visible()
    founder.visit("visitor_of_today", community)
    show(shop, "VisitorDashboard", communityId=community)
    expect(shop.locator("main")).to_contain_text("Real-time: 0")
    with PlainMember(site.port, community, founder.token):
        expect(shop.locator("main")).to_contain_text("Real-time: 1")


def test_token_is_renewed_when_it_has_expired_and_who_is_put_out_is_told_so(shop, site, founder, community):
    guest = Member(site).join(community)
    show(shop, "VisitorDashboard", communityId=community, token="x.y.z")
    wait_for(shop, lambda: shop.evaluate("closed") == [4002], "a token that is none")
    show(shop, "VisitorCounter", communityId=community, token=expired(guest), refresh=guest.refresh)
    expect(shop.locator(".count")).to_have_text("1")
    founder.call("DELETE", f"/api/communities/{community}/members/{guest.id}")
    expect(shop.locator(OFFLINE)).to_be_visible()
    assert shop.evaluate("closed") == [4002, 4004, 4003]
