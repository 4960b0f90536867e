"""The warnings about emails that are not sent."""

from koyjabo.base.core.i18n import N_
from koyjabo.base.observability.health_warning import HealthWarning, PageLink
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail.outbox_queries import Status
from koyjabo.web.current import current

LATE_MAIL_MS = 900_000
MAIL_RANK = 4
LATE_MAILS = "Emails have been waiting for over 15 minutes. The page Server and the log show why."
MAIL_LINKS = {"mail": PageLink(N_("mail server"), "mail", edits=True)}


def warning() -> HealthWarning | None:
    """Raises LedgerUnavailable."""
    status = current()[MailOutbox].status()
    return judge(status, current().clock.system_ms()) if status else None


def ready_warning() -> str | None:
    is_late = _is_late(current()[MailOutbox].oldest_ms, current().clock.system_ms())
    return LATE_MAILS if is_late else None


def _is_late(oldest_ms: int | None, now_ms: int) -> bool:
    return oldest_ms is not None and now_ms - oldest_ms > LATE_MAIL_MS


def judge(mail: Status, now_ms: int) -> HealthWarning | None:
    section = "a-forgotten-password-and-emails-that-do-not-arrive"
    check_mail = N_("The last error is below. Check the %(mail)s.")
    if mail.failed_test_ms is not None:
        sentence = N_("The last test email was not sent (%(at)s).")
        again = N_("Check the %(mail)s, then send another test.")
        return HealthWarning(
            "mails", sentence, again, section, {"at": mail.failed_test_ms}, rank=MAIL_RANK, links=MAIL_LINKS
        )
    if mail.failures:
        sentence = N_("Emails that could not be sent: %(count)s")
        return HealthWarning(
            "mails", sentence, check_mail, section, {"count": len(mail.failures)}, rank=MAIL_RANK, links=MAIL_LINKS
        )
    if _is_late(mail.oldest_ms, now_ms):
        sentence = N_("Emails waiting: %(count)s, the oldest since %(at)s.")
        return HealthWarning(
            "mails",
            sentence,
            check_mail,
            section,
            {"count": mail.waiting, "at": mail.oldest_ms},
            rank=MAIL_RANK,
            links=MAIL_LINKS,
        )
    if mail.most is not None:
        return HealthWarning(
            "mails",
            N_("Today's limit of %(count)s emails to unconfirmed addresses is used up."),
            N_(
                "Until midnight, invitations are links only, and new accounts get no email. Look for spam in the "
                "audit log, or raise RATE_LIMIT_MAILS."
            ),
            section,
            {"count": mail.most},
            rank=MAIL_RANK,
            links=MAIL_LINKS,
        )
    return None


MAIL_WARNINGS = {"mails": warning}
MAIL_READY_WARNINGS = {"mails": ready_warning}
