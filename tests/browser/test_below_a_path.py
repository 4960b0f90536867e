"""The element on a site that passes one of its paths to the server, as docs/behind-a-proxy.md configures it."""

import pytest
from pages import expect
from support.servers.proxies import Caddy, Nginx, documented, replaced

PROOF = "browser/test_below_a_path.py::test_the_element_counts_and_follows_below_a_path"


class SiteOnNginx(Nginx):
    def _configuration(self) -> str:
        pass_on = replaced(documented("nginx"), {"http://127.0.0.1:8000/": f"http://127.0.0.1:{self.upstream}/"})
        above, location = pass_on.split("\n\n", 1)
        page = "location = /post { default_type text/html; return 200 '<!doctype html><title>Post</title>'; }"
        server = f"server {{ listen 127.0.0.1:{self.port}; {page} {location} }}"
        return f"pid {self.folder}/nginx.pid; events {{}} http {{ access_log off; {above} {server} }}"


class SiteOnCaddy(Caddy):
    def configuration(self) -> str:
        pass_on = replaced(documented("caddyfile"), {"127.0.0.1:8000": self.environment["UPSTREAM"]})
        page = 'header /post Content-Type text/html\nrespond /post "<!doctype html><title>Post</title>"'
        return f"{{\nadmin off\n}}\nhttp://127.0.0.1:{self.port} {{\n{pass_on}\n{page}\n}}\n"


@pytest.mark.parametrize("kind", [SiteOnNginx, pytest.param(SiteOnCaddy, marks=pytest.mark.long(proved_by=PROOF))])
def test_the_element_counts_and_follows_below_a_path(kind, tmp_path, device, page, site):
    before, requested, sockets = site.stats().total, [], []
    page.on("request", lambda request: requested.append(request.url))
    page.on("websocket", lambda socket: sockets.append(socket.url))
    with kind(tmp_path, site.port) as front:
        origin = f"http://127.0.0.1:{front.port}"
        page.goto(f"{origin}/post")
        page.set_content(documented("html"))
        number = page.locator("koyjabo-count")
        expect(number).to_have_text(f"{before + 1:,}")
        total = site.register("rahim").stats.total
        expect(number).to_have_text(f"{total:,}")
        assert sockets == [f"{origin.replace('http', 'ws')}/live/"]
        assert [url for url in requested if not url.startswith((f"{origin}/live/", f"{origin}/post"))] == []
        page.goto("about:blank")
    newest = "SELECT page FROM visits ORDER BY ordinal DESC LIMIT 2"
    assert ("/post",) in site.database.rows(newest)
