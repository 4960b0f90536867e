"""Responses of an OpenID provider, real or forged, that must be refused (RFC 9700)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from support.application.site import Site
from support.people.page_readers import Reader, words
from support.people.provider_logins import HERE, begin, end, log_in
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.odd_server import OddServer
from support.servers.openid_provider import OpenidProvider

OVER = "This login has expired"
UNVERIFIED = "This login could not be verified."
HERE_IN_TESTS = "people/accounts/oidc/test_provider_answers.py"
AWAY = "The other server does not respond right now."


@pytest.fixture(autouse=True)
def user(work) -> None:
    work.know("ayesha", email="ayesha@work.example")


def refused(site: Site, work: OpenidProvider, why: str = UNVERIFIED, status: int = 422) -> None:
    reader = log_in(site, work, "ayesha", status=status)
    assert why in words(reader.page)
    assert reader.csrf == ""


def parameters(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def test_response_is_valid_once_and_only_in_the_browser_that_began_the_login(site, work):
    mine = Reader(site)
    back = work.approve(begin(mine), "ayesha")
    stranger, thief = Reader(site), Reader(site)
    begin(thief)  # the thief's own login does not match another login's response
    for other in (stranger, thief):
        assert OVER in words(end(other, back, 422))
        assert other.csrf == ""
    assert work.redeemed == []
    cookie = mine.client.get_cookie("provider_login").value
    end(mine, back)
    assert mine.csrf
    again = Reader(site)
    again.client.set_cookie("provider_login", cookie)
    assert OVER in words(end(again, back, 422))
    assert again.csrf == ""
    assert len(work.redeemed) == 1


@pytest.mark.long(
    proved_by=f"{HERE_IN_TESTS}::test_response_is_valid_once_and_only_in_the_browser_that_began_the_login"
)
def test_one_of_several_concurrent_responses_logs_in(site, work):
    first = Reader(site)
    back = work.approve(begin(first), "ayesha")
    cookie = first.client.get_cookie("provider_login").value
    readers = [Reader(site) for _ in range(4)]
    for reader in readers:
        reader.client.set_cookie("provider_login", cookie)
    with ThreadPoolExecutor(len(readers)) as threads:
        answers = threads.map(lambda reader: reader.client.get(back.removeprefix(HERE)).status_code, readers)
        assert sorted(answers) == [303, 422, 422, 422]
    assert [bool(reader.csrf) for reader in readers].count(True) == 1


@pytest.mark.long(
    proved_by=f"{HERE_IN_TESTS}::test_response_is_valid_once_and_only_in_the_browser_that_began_the_login"
)
def test_response_is_valid_for_ten_minutes(site, work):
    for seconds, status in ((599, 303), (600, 422)):
        reader = Reader(site)
        back = work.approve(begin(reader), "ayesha")
        site.time.pass_(seconds=seconds)
        page = end(reader, back, status)
        assert (OVER in words(page)) == (status == 422)


def test_parameters_that_are_wrong_are_refused(site, work):
    for change in ({"state": "x" * 43}, {"state": ""}, {"code": ""}, {"code": "x"}, {"iss": "https://evil.example"}):
        reader = Reader(site)
        back = work.approve(begin(reader), "ayesha")
        end(reader, f"{back.partition('?')[0]}?{urlencode(parameters(back) | change)}", 422)
        assert reader.csrf == ""
    assert OVER in words(Reader(site).get("/auth/oidc/work/callback", 422))
    assert "No login method with this name exists here." in words(Reader(site).get("/auth/oidc/another", 404))


def test_code_of_another_login_does_not_fit_the_verifier(site, work):
    """A stolen code, injected into the thief's own login (RFC 9700, 4.5)."""
    victim, thief = Reader(site), Reader(site)
    stolen = parameters(work.approve(begin(victim), "ayesha"))["code"]
    own = parameters(work.approve(begin(thief), "thief"))
    end(thief, f"{HERE}/auth/oidc/work/callback?{urlencode(own | {'code': stolen})}", 422)
    assert thief.csrf == ""


def test_cancelled_login_says_so(site, work):
    reader = Reader(site)
    page = end(reader, work.deny(begin(reader, next="/account")), 422)
    assert "The login was cancelled." in words(page)
    assert 'href="/auth/oidc/work?next=/account"' in page
    other = work.deny(begin(reader)).replace("access_denied", "<script>")
    assert "The other server has refused the login." in words(end(reader, other, 422))


def test_token_of_another_login_is_refused(site, work):
    work.claims = {"nonce": "x" * 43}
    refused(site, work)


@pytest.fixture(scope="module")
def two(site) -> Iterator[tuple[Site, OpenidProvider]]:
    """A site with a second, hostile provider."""
    with OpenidProvider() as evil:
        settings = {"OIDC_PROVIDERS": "work,evil", **evil.settings("evil")}
        with Site(site.database_url, **{**site.settings, **settings}) as both:
            yield both, evil


def test_provider_cannot_mix_itself_up_with_another(two, work):
    """The browser starts with one provider but is sent the other provider's response (RFC 9700, 4.4)."""
    site, evil = two
    for name, asked, other in (("evil", evil, work), ("work", work, evil)):
        reader = Reader(site)
        back = other.approve(begin(reader, name).replace(asked.issuer, other.issuer), "ayesha")
        end(reader, back, 422)  # the other provider's code, sent to this provider's callback
        assert reader.csrf == ""
        reader = Reader(site)
        swapped = "work" if name == "evil" else "evil"
        moved = asked.approve(begin(reader, name), "ayesha").replace(f"/{name}/", f"/{swapped}/")
        assert OVER in words(end(reader, moved, 422))
        assert reader.csrf == ""


def test_issuer_is_required_from_providers_that_support_it(site, work):
    work.metadata = {"authorization_response_iss_parameter_supported": True}
    with Site(site.database_url, **site.settings) as fresh:
        refused(fresh, work)
        reader = Reader(fresh)
        end(reader, f"{work.approve(begin(reader), 'ayesha')}&{urlencode({'iss': work.issuer})}")
        assert reader.csrf


@pytest.mark.long(proved_by=f"{HERE_IN_TESTS}::test_issuer_is_required_from_providers_that_support_it")
def test_secret_is_sent_where_the_provider_takes_it(site, work):
    for methods, is_in_body in ((["client_secret_post"], True), (["x", "client_secret_basic"], False), (5, False)):
        work.metadata = {"token_endpoint_auth_methods_supported": methods}
        with Site(site.database_url, **site.settings) as fresh:
            assert log_in(fresh, work, "ayesha").csrf
        assert ("client_secret" in work.redeemed[-1]) == is_in_body


DESCRIPTIONS: list[dict[str, Any]] = [
    {"issuer": "http://127.0.0.1:1"},
    {"token_endpoint": "http://provider.example/token"},
]


@pytest.mark.parametrize("metadata", DESCRIPTIONS)
def test_metadata_of_another_issuer_or_without_https_is_refused(site, work, metadata):
    work.metadata = metadata
    with Site(site.database_url, **site.settings) as fresh:
        assert AWAY in words(Reader(fresh).get("/auth/oidc/work", 503))


def test_failing_provider_is_reported_and_known_endpoints_stay_in_use(site, work):
    with Site(site.database_url, **site.settings) as fresh:
        work.status = 502
        assert AWAY in words(Reader(fresh).get("/auth/oidc/work", 503))
        work.status = 0
        reader = Reader(fresh)
        back = work.approve(begin(reader), "ayesha")
        work.status = 500
        assert AWAY in words(end(reader, back, 503))
        fresh.time.pass_(hours=2)
        assert begin(Reader(fresh)).startswith(work.issuer)


@pytest.mark.long(proved_by=f"{HERE_IN_TESTS}::test_failing_provider_is_reported_and_known_endpoints_stay_in_use")
def test_others_are_served_while_a_provider_hangs(sqlite_database, new_server, work):
    odd = OddServer(pause_s=None)
    own = work.settings("odd", ISSUER=odd.url.removesuffix("/"))
    server = new_server(sqlite_database, OIDC_PROVIDERS="odd", **own).start()
    with (
        ThreadPoolExecutor(5) as threads,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE_S) as client,
    ):
        waiting = [threads.submit(client.get, "/auth/oidc/odd") for _ in range(5)]
        wait_until(lambda: odd.requests or any(login.done() for login in waiting), "the provider is asked")
        others = 0
        while not any(login.done() for login in waiting):
            assert client.get("/api/stats").status_code == 200
            others += 1
        odd.stop()
        assert [login.result().status_code for login in waiting] == [503] * 5
    assert others > len(waiting), "others are served only when a login has waited"
