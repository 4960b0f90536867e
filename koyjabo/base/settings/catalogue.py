"""The settings that admins change on the page *Server*, and how people see them.

A setting is a field of `Settings`: its type, default, check and meaning. A setting of the page also has an entry here,
in the same order, which the page and the audit log follow.
"""

from collections.abc import Mapping
from itertools import groupby
from operator import attrgetter

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import MASKED_TEXT
from .setting import Setting

OFF = {"": N_("off")}

PAGE_SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("SITE_NAME", "name", N_("Name"), max_length=60, asks_proof=False),
        Setting("SITE_NAME_BN", "name", N_("Name in Bangla"), max_length=60, asks_proof=False),
        Setting(
            "SITE_SENTENCE",
            "name",
            N_("One sentence"),
            hint=N_("One line on the home page, about what is counted."),
            max_length=160,
            asks_proof=False,
        ),
        Setting("SITE_SENTENCE_BN", "name", N_("One sentence in Bangla"), max_length=160, asks_proof=False),
        Setting(
            "SITE_BANGLA",
            "name",
            N_("Offer Bangla"),
            "choice",
            words={"1": N_("To everyone"), "0": N_("Only to people whose browser prefers it")},
            asks_proof=False,
        ),
        Setting(
            "SITE_COLOUR",
            "name",
            N_("Colour"),
            "colour",
            asks_proof=False,
        ),
        Setting(
            "APP_URL",
            "app",
            N_("Your app"),
            sentences={"": N_('No address: the home page has no button "Open the app".')},
            field_label=N_("Address of the app"),
            example="https://app.example.com",
        ),
        Setting(
            "PUBLIC_URL",
            "address",
            N_("Public address"),
            sentences={"": N_("Not set. Links in emails need it.")},
            field_label=N_("Address of this server"),
            example="https://live.example.com",
        ),
        Setting("TIMEZONE", "zone", N_("Time zone"), asks_proof=False),
        Setting("SMTP_URL", "mail", N_("Mail server"), words=OFF, is_private=True, feature="people.mail_server"),
        Setting(
            "BACKUP_DIR",
            "backups",
            N_("Folder for backups"),
            words=OFF,
            title=N_("Nightly backup"),
            hint=N_("A folder on this server."),
            example="/var/backups/koyjabo",
            is_private=True,
            feature="upkeep.backups",
        ),
        Setting("BACKUP_AT", "backups", N_("Time of the backup"), hint=N_("In the time zone of the site.")),
        Setting("BACKUP_KEEP", "backups", N_("Backups to keep"), "number"),
        Setting(
            "RETENTION_DAYS",
            "retention",
            N_("Days that visits are kept"),
            "number",
            title=N_("Anonymise old visits"),
            field_label=N_("Days"),
            hint=N_("At night, older visits lose what leads to a person. No total changes."),
            asks_proof=False,
            feature="upkeep.retention",
        ),
        Setting(
            "BOT_POLICY",
            "crawlers",
            N_("Crawlers"),
            "choice",
            words={"count": N_("Counted and marked"), "ignore": N_("Not counted")},
            field_label=N_("Visits by declared crawlers"),
            asks_proof=False,
        ),
        Setting(
            "OWN_ADDRESSES",
            "own",
            N_("Own visits"),
            sentences={"": N_("No addresses are marked as your own.")},
            field_label=N_("Your own addresses and networks"),
            hint=N_("Reports can leave their visits out. Separate them with commas."),
            example="203.0.113.7, 2001:db8::/32",
            asks_proof=False,
            is_private=True,
        ),
        Setting(
            "MILESTONES",
            "milestones",
            N_("Milestones"),
            "numbers",
            sentences={"": N_("100, 250, 500, 1,000 and so on"), "none": N_("None")},
            field_label=N_("Totals to celebrate"),
            hint=N_("Separate them with commas, or write none. If empty, the usual ones."),
            example="1000,5000",
            asks_proof=False,
        ),
        Setting(
            "PAGE_NUMBERS",
            "page-numbers",
            N_("Page numbers"),
            words=OFF | {"*": N_("all pages")},
            sentences={"": N_("Off: no page shows its views."), "*": N_("Every page shows its views.")},
            field_label=N_("Pages that show everyone their number of views"),
            hint=N_("Write * for all pages, or paths separated by commas. In a path, * is any text."),
            example="/posts/*,/about",
            asks_proof=False,
            feature="site.page_numbers",
        ),
        Setting(
            "HONOUR_PRIVACY_SIGNALS",
            "privacy",
            N_("Privacy signals"),
            "choice",
            words={"1": N_("Respected: the visit is counted anonymously"), "0": N_("Ignored")},
            field_label=N_("If a browser asks not to be tracked"),
            asks_proof=False,
        ),
        Setting(
            "SIGN_UP",
            "sign-up",
            N_("Who may sign up"),
            "choice",
            words={"open": N_("Everyone"), "invited": N_("Only invited people")},
        ),
        Setting(
            "REQUIRE_TWO_FACTOR",
            "two-step",
            N_("Who must use two-step login"),
            "choice",
            words={"none": N_("No one"), "admins": N_("Admins"), "all": N_("Everyone")},
            hint=N_("People without it are logged out, and set it up when they log in."),
        ),
        Setting(
            "ALLOWED_ORIGINS",
            "origins",
            N_("Logins from other sites"),
            sentences={"": N_("None")},
            field_label=N_("Sites whose pages may use accounts"),
            hint=N_("Separate them with commas."),
            example="https://app.example.com",
        ),
    )
}
"""The settings that admins change on the page Server, by name. All others stay in the environment."""

ROWS = {row: tuple(settings) for row, settings in groupby(PAGE_SETTINGS.values(), attrgetter("row"))}
"""The settings of each row of the page Server, by its id."""

GROUP_ROWS = {
    "site": ("name", "zone", "app", "address"),
    "people": ("sign-up", "two-step", "mail"),
    "data": ("backups", "retention"),
}
"""The rows of each group of the page Server. All others are under *More*."""


def masked_settings(texts: Mapping[str, str]) -> dict[str, str]:
    """Values by name as site viewers read them, on the page Server and in the audit log. A mask replaces private
    settings, and settings of earlier versions.
    """
    readable = {name for name, setting in PAGE_SETTINGS.items() if not setting.is_private}
    return {name: text if name in readable or not text else MASKED_TEXT for name, text in texts.items()}
