"""Limits on the changes an account makes, and on the reports it reads."""

from support.application.site import assert_error, site_fixture
from support.people.accounts import sign_up
from support.people.communities import PATH, found
from support.people.page_readers import Reader

MOST = 10


site = site_fixture(RATE_LIMIT_CHANGES=MOST, RATE_LIMIT_REPORTS=MOST)


def test_the_limit_on_changes_counts_changes_of_all_kinds_together(site):
    ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
    at = f"{PATH}/{found(ayesha)['id']}"  # founding it also counts as a change
    changes = [
        lambda: ayesha.patch(at, json={"description": "there"}),
        lambda: ayesha.put(f"{at}/members/{babul.id}", json={"role": "member"}),
        lambda: ayesha.delete(f"{at}/members/{babul.id}"),
        lambda: ayesha.post(f"{at}/join"),
        lambda: ayesha.post(f"{at}/leave"),  # refused for the last admin, but counted
        lambda: ayesha.delete("/api/auth/sessions"),
        lambda: ayesha.post(f"{at}/members", json={"email": "nobody@example.com", "role": "member"}),
        lambda: ayesha.patch(at, json={"description": "again"}),
        lambda: ayesha.renew(),
    ]
    assert 429 not in {change().status_code for change in changes}
    before = site.rows("SELECT count(*) FROM audit_log")
    for change in changes:
        refused = change()
        assert_error(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert site.rows("SELECT count(*) FROM audit_log") == before, "what was refused is not in the log"
    assert ayesha.get(at).status_code == 200
    assert babul.post(f"{at}/join").status_code == 201, "another account is free"
    assert ayesha.post("/api/auth/logout").status_code == 204, "and leaving is always possible"


def test_a_form_of_a_page_counts_as_a_change_and_the_page_of_a_community_as_a_report(site):
    reader, stranger = Reader(site).sign_up("fatima"), Reader(site)
    reader.send("/communities/new", name="Uttara", open="1")
    path = reader.location.partition("?")[0]
    for number in range(MOST - 2):
        reader.send(f"{path}/settings", name=f"Uttara {number}")
    reader.send("/language", language="bn")
    reader.send(f"{path}/settings", 429, name="One more")
    reader.send("/language", 429, language="en")
    assert site.rows("SELECT communities.name, language FROM communities, users") == [(f"Uttara {MOST - 3}", "bn")]
    for _ in range(MOST + 1):
        stranger.send("/language", language="bn")  # stored only in the browser
    for _ in range(MOST):
        reader.get(path)
    reader.get(path, 429)


def test_the_limit_on_reports_counts_all_reports_of_an_account_together(site):
    ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
    community = found(ayesha)["id"]
    babul.post(f"{PATH}/{community}/join")
    paths = [
        f"{PATH}/{community}/visitors{path}" for path in ("", "/today", "/weekly", "/monthly", "/growth", "/trends")
    ]
    assert [ayesha.get(paths[number % len(paths)]).status_code for number in range(MOST)] == [200] * MOST
    for path in paths:
        assert_error(ayesha.get(path), 429, "rate_limited")
    assert babul.get(paths[0]).status_code == 200
    assert ayesha.get(f"{PATH}/{community}/stats").status_code == 200
