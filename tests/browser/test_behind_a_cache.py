"""Pages of three sites, two of them in ALLOWED_ORIGINS, that reach the server through one cache."""

from contextlib import ExitStack

import pytest
import requests
from host_pages import served
from matrix.proxies import BuiltinVarnish, CachingNginx, Varnish
from pages import expect
from support.programs.patience import PATIENCE_S

PROOF = "web/http/test_origins.py::test_a_public_file_has_the_same_headers_for_every_origin"
PAGE = """
<koyjabo-count counts></koyjabo-count><script type="module" src="{0}/static/js/koyjabo-count.js"></script>
"""


@pytest.fixture(scope="module")
def hosts():
    with ExitStack() as stack:
        yield [stack.enter_context(served()).rstrip("/") for _ in range(3)]


@pytest.fixture(scope="module")
def site(new_site, hosts):
    return new_site(ALLOWED_ORIGINS=",".join(hosts[:2]), TRUSTED_PROXIES=1)


@pytest.mark.long(proved_by=PROOF)
@pytest.mark.parametrize("kind", [CachingNginx, Varnish, BuiltinVarnish])
def test_a_page_counts_and_shows_through_a_cache_that_a_page_of_another_site_has_filled(
    kind, tmp_path, hosts, site, new_device
):
    pages, before = [], site.stats().total
    with kind(tmp_path, site.port) as front:
        for total, host in enumerate((*hosts, *hosts), before + 1):
            page = new_device().context.new_page()
            page.goto(host)
            page.set_content(PAGE.format(front.url))
            pages.append(page)
            expect(page.locator("koyjabo-count")).to_have_text(f"{total:,}")
        total = site.register("rahim").stats.total
        for page in pages:
            expect(page.locator("koyjabo-count")).to_have_text(f"{total:,}")
        for _ in range(2):
            kept = requests.get(f"{front.url}/static/js/koyjabo-count.js", timeout=PATIENCE_S).headers
        assert kept.get("X-Cache") == "HIT" or " " in kept["X-Varnish"]
