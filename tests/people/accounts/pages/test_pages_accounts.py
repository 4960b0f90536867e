"""Account pages without scripts: logging in and out, signing up, the user's communities, and changing, exporting and
deleting the account.
"""

import pytest
from support.application.site import Site
from support.people.accounts import PASSWORD, log_in, sign_up, try_login
from support.people.communities import found, give
from support.people.page_readers import Reader, words


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def ayesha(site):
    return Reader(site).sign_up("ayesha")


def test_login_leads_only_to_pages_of_this_site(site, ayesha):
    for target in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"):
        reader = Reader(site)
        reader.send("/login", next=target, email="ayesha@example.com", password=PASSWORD)
        assert reader.location == "/", target


@pytest.mark.parametrize("right", ["is_viewer", pytest.param("is_admin", marks=pytest.mark.long)])
def test_login_leads_to_the_panel_those_who_see_it(site, ayesha, right):
    """Opening the panel does not count as a visit."""
    site.rows(f"UPDATE users SET {right} = true WHERE email = 'ayesha@example.com'")
    reader = Reader(site).log_in("ayesha")
    assert reader.location == "/admin/"
    reader.get("/login", 303)
    assert reader.location == "/admin/"
    other = Reader(site)
    other.send("/login?next=/communities", email="ayesha@example.com", password=PASSWORD)
    assert other.location == "/communities"
    assert site.stats()["totalVisits"] == 0


def test_login_leads_to_ones_only_community(site, ayesha):
    """A single moderated community is also chosen. Among several, none is."""
    boss, person = sign_up(site, "boss"), log_in(site, "ayesha")

    def lands(**fields: str) -> str:
        return Reader(site).log_in("ayesha", **fields).location

    first, second, third = (found(boss, name=name)["id"] for name in ("Mirpur", "Uttara", "Banani"))
    give(boss, first, person, "member")
    assert lands() == f"/communities/{first}"
    give(boss, second, person, "member")
    assert lands() == "/"
    give(boss, second, person, "moderator")
    assert lands() == f"/communities/{second}"
    assert lands(next="/account") == "/account"
    give(boss, third, person, "admin")
    assert lands() == "/"


def test_page_that_needs_a_login_leads_there_and_back(site, ayesha):
    for path in ("/account", "/communities/new", "/communities/1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b/members?page=2"):
        reader = Reader(site)
        reader.get(path, 303)
        login = reader.location
        assert login.startswith("/login?next=")
        assert "next=" in reader.get(login)
        reader.send(login, email="ayesha@example.com", password=PASSWORD)
        assert reader.location == path


def test_wrong_password_is_said_at_the_field_and_the_email_stays(site, ayesha):
    reader = Reader(site)
    page = reader.send("/login", 422, email="ayesha@example.com", password="rickshaw at noon")
    assert "Wrong email or password." in words(page)
    assert 'aria-invalid="true"' in page
    assert 'aria-describedby="password-error"' in page
    assert 'value="ayesha@example.com"' in page
    assert "rickshaw at noon" not in page
    assert "is required" in words(reader.send("/login", 422))


def test_pages_of_a_logged_in_user_are_not_cached(site, ayesha):
    """The browser's next user cannot go back to any of these pages."""
    for path in ("/", "/account", "/communities"):
        ayesha.get(path)
        assert ayesha.headers_of_answer["Cache-Control"] == "private, no-store"
    anybody = Reader(site)
    anybody.get("/")
    assert anybody.headers_of_answer["Cache-Control"] == "private, no-cache"


DETAILS, DELETE = "/account/details", "/account/delete"


def right(**fields):
    return {"password": PASSWORD, "confirmation": " Ayesha@example.com", **fields}


def test_details_are_shown_and_changed(site, ayesha):
    page = ayesha.get(DETAILS)
    assert 'value="Ayesha"' in page
    assert 'value="ayesha@example.com"' in page
    ayesha.send(f"{DETAILS}?next=/communities", name="Ayesha Siddiqua", email="siddiqua@example.com", password=PASSWORD)
    assert ayesha.location == "/communities"
    assert "Your changes were saved." in words(ayesha.get(ayesha.location))
    assert try_login(site, "siddiqua").status_code == 200


def test_account_is_deleted_after_the_email_was_typed(site, ayesha):
    assert f'href="{DELETE}"' in ayesha.get("/account")
    assert "cannot be undone" in ayesha.get(DELETE)
    ayesha.send(DELETE, **right())
    assert ayesha.client.get_cookie("access_token_cookie") is None
    assert "Your account was deleted." in words(ayesha.get(ayesha.location))
    assert try_login(site).status_code == 401
