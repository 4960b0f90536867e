"""What a reader of a share link has: the browser's pass, if the link has a password, and the reports that it shows."""

from koyjabo.reports.ui import cards
from koyjabo.reports.ui.report_context import ReportContext
from koyjabo.web.current import current
from koyjabo.web.http import cookies
from .models import Share
from .share_links import ShareLinks, scope_of


def require_pass(link: Share) -> str:
    """Return this browser's pass. Raises ShareLocked unless the browser may see the link's content."""
    proof = cookies.get(pass_cookie(link))
    current()[ShareLinks].require_pass(link, proof)
    return proof


def pass_cookie(link: Share) -> str:
    """The name of the cookie that keeps the pass."""
    return f"share_{link.id[:8]}"


def context_of(link: Share, share_links: ShareLinks) -> ReportContext:
    """Return the place where the link's reports are shown."""
    name = f"share {link.id}"
    return ReportContext(
        name=name,
        path="",
        reports="",
        scope=scope_of(link),
        reader=name,
        cards=cards.COMMUNITY_CARDS,
        filters=share_links.filters(link),
        range=link.range or "",
        is_public=True,
    )
