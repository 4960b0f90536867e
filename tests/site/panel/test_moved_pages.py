"""Old panel addresses lead to the current ones, so that bookmarks and links in emails keep working."""

from support.clients.members import Member
from support.programs.processes import wait_until

ADDRESSES = {
    "/admin/insights?range=7d&page=%2F": "/admin/?range=7d&page=%2F",
    "/admin/realtime": "/admin/live",
    "/admin/users?q=a": "/admin/people?q=a",
    "/admin/users/a%20b%3F": "/admin/people/a%20b%3F",
    "/admin/install": "/admin/connect",
    "/admin/keys?x=1": "/admin/connect?x=1#keys",
    "/admin/webhooks/7/change": "/admin/connect/webhooks/7/change",
    "/admin/shares": "/admin/connect#shares",
    "/admin/health": "/admin/server",
    "/admin/system": "/admin/server",
    "/admin/getting-started": "/admin/server",
    "/admin/export": "/admin/data",
    "/admin/receipt": "/receipt",
}


def test_earlier_addresses_redirect_while_the_database_is_away(sqlite_server):
    """People follow these links when something is wrong. The current page checks who may see it."""
    admin = Member(sqlite_server)
    sqlite_server.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{admin.id}'")
    cookie = "; ".join(f"{name}={value}" for name, value in admin.http.cookies.items())

    def status(path: str) -> tuple[int, str | None]:
        answer = sqlite_server.get(path, headers={"Accept": "text/html", "Cookie": cookie}, allow_redirects=False)
        return answer.status_code, answer.headers.get("Location")

    assert status("/admin/server")[0] == 200
    path = sqlite_server.database.path
    path.rename(f"{path}.away")
    wait_until(lambda: status("/admin/people")[0] == 503, "the database is away")
    assert {earlier: status(earlier) for earlier in ADDRESSES} == {
        earlier: (301, now) for earlier, now in ADDRESSES.items()
    }
    assert status("/admin/server")[0] == 200
