"""The pages to take pictures of, their viewers and widths, and the pictures that the documents show."""

from __future__ import annotations

from typing import NamedTuple

from demo.people import GUIDE

ADMIN = "admin@demo.example"
NOBODY, MEMBER, SITE_ADMIN = "nobody", GUIDE.email, ADMIN

OWN_PAGE = "home-own"
PAGES = {  # name: viewer, address
    "home": (NOBODY, "/"),
    OWN_PAGE: (NOBODY, "/"),
    "login": (NOBODY, "/login"),
    "signup": (NOBODY, "/signup"),
    "missing": (NOBODY, "/nothing-here"),
    "docs": (NOBODY, "/docs"),
    "receipt": (NOBODY, "/receipt"),
    "embed": (NOBODY, "/embed"),
    "communities": (MEMBER, "/communities"),
    "community-new": (MEMBER, "/communities/new"),
    "community": (MEMBER, "/communities/{community}"),
    "members": (MEMBER, "/communities/{community}/members"),
    "settings": (MEMBER, "/communities/{community}/settings"),
    "delete": (MEMBER, "/communities/{community}/delete"),
    "account": (MEMBER, "/account"),
    "forbidden": (MEMBER, "/admin/"),
    "admin": (SITE_ADMIN, "/admin/"),
    "admin-communities": (SITE_ADMIN, "/admin/communities"),
    "admin-fall": (SITE_ADMIN, "/admin/?channel=search&page=/metro"),
    "admin-campaigns": (SITE_ADMIN, "/admin/?by=utm_campaign&range=90d"),
    "admin-events": (SITE_ADMIN, "/admin/?by=event:route_search:to_location"),
    "admin-share-new": (SITE_ADMIN, "/admin/connect/shares/new?page=/metro&source=google.com"),
    "community-shares": (MEMBER, "/communities/{community}/shares"),
    "share": (NOBODY, "/share/{share}"),
    "share-password": (NOBODY, "/share/{locked}"),
    "admin-list": (SITE_ADMIN, "/admin/?by=page&compare=previous"),
    "admin-users": (SITE_ADMIN, "/admin/people"),
    "admin-user": (SITE_ADMIN, "/admin/people/{user}"),
    "admin-visits": (SITE_ADMIN, "/admin/visits"),
    "admin-visit": (SITE_ADMIN, "/admin/visits/{visit}"),
    "admin-audit": (SITE_ADMIN, "/admin/audit"),
    "admin-server": (SITE_ADMIN, "/admin/server"),
    "admin-server-mail": (SITE_ADMIN, "/admin/server?edit=mail"),
    "admin-server-export": (SITE_ADMIN, "/admin/server?edit=export"),
    "admin-receipt": (SITE_ADMIN, "/receipt"),
    "admin-find": (SITE_ADMIN, "/admin/find?q=dhaka"),
    "admin-connect": (SITE_ADMIN, "/admin/connect"),
    "admin-key-new": (SITE_ADMIN, "/admin/connect/keys/new"),
}
LANGUAGES, SCHEMES = ("en", "bn"), ("light", "dark")
WIDTHS = {360: 740, 768: 1024, 1440: 900}
"""Window heights by width."""


class Look(NamedTuple):
    language: str
    scheme: str
    width: int

    def name(self, page: str) -> str:
        return f"{page}-{'-'.join(map(str, self))}"


SHOWN = {  # pictures in documents, and the height of the page's upper part that they show
    ("home", Look("en", "light", 1440)): 900,
    (OWN_PAGE, Look("en", "light", 1440)): 900,
    ("admin", Look("en", "light", 1440)): 1215,
    ("admin-fall", Look("en", "light", 1440)): 750,
    ("share", Look("en", "light", 360)): 740,
}

OWN_NAME, OWN_SENTENCE = "Dhaka Bus Times", "When your bus comes, minute by minute. Every visit is counted here, live."
OWN_COLOUR = "#6d28a8"
OWN_MARK = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect x="3" y="4" width="26" height="22" rx="5"
fill="#6d28a8"/><path d="M7 9h8v7H7zM17 9h8v7h-8z" fill="#fff"/><path d="M7 19h3v3H7zM22 19h3v3h-3z" fill="#ffd166"/>
<path d="M7 26h5v3H7zM20 26h5v3h-5z" fill="#333"/></svg>"""
"""The look of a site that is not Koy Jabo."""
