"""The warnings about emails that are not sent."""

from koyjabo.base.core.i18n import N_
from koyjabo.base.observability.health_warning import HealthWarning, PageLink
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail.outbox_queries import Status
from koyjabo.web.current import current

LATE_MAIL_MS = 900_000
MAIL_RANK = 4
MAIL_LINKS = {"mail": PageLink(N_("mail server"), "mail", edits=True)}


def warning() -> HealthWarning | None:
    """Raises LedgerUnavailable."""
    status = current()[MailOutbox].status()
    return judge(status, current().clock.system_ms()) if status else None


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
    if mail.oldest_ms is not None and now_ms - mail.oldest_ms > LATE_MAIL_MS:
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
