"""Sentences on the pages of accounts, and in the emails to their owners."""

from support.people.accounts import PASSWORD, bare, confirm, sign_up
from support.people.communities import found, invite
from support.people.page_readers import Reader, words

from koyjabo.people.mail.outbox import MailOutbox

LOGIN = {"email": "ayesha@example.com", "password": PASSWORD}
MISTYPED = {"email": "ayesha@example.com", "password": "rickshaw at noon"}
FORMS = (  # in turn, with the status and the sentence that follows
    ("/login", MISTYPED, 422, "Wrong email or password."),
    ("/account/second-factor/totp", {"password": "rickshaw at noon"}, 422, "That is not your current password."),
    ("/account/details", {"name": "Ayesha", **LOGIN}, 303, "Your changes were saved."),
    ("/account/verify-email", {}, 303, "The email is on its way."),
    ("/forgot-password", {"email": "nobody@example.com"}, 303, "If there is an account with this email"),
    ("/reset-password/" + "x" * 43, {"new_password": PASSWORD}, 404, "This link no longer works"),
    ("/account/delete", {"confirmation": "ayesha@example.com", **LOGIN}, 303, "Your account was deleted."),
)


def test_the_forms_of_an_account_say_what_happened(site):
    owner, stranger = Reader(site).sign_up("ayesha"), Reader(site)
    for path, fields, status, sentence in FORMS:
        reader = owner if path.startswith("/account") else stranger
        page = reader.send(path, status, **fields)
        assert sentence in words(reader.get(reader.location) if status == 303 else page), path


def test_the_emails_say_what_happened(site, mailbox):
    founder = sign_up(site, "founder")
    confirm(site, "founder")
    community = found(founder, name="Night bus", nameBn="রাতের বাস")["id"]
    Reader(site, "bn").sign_up("karim")
    reader = Reader(site).sign_up("ayesha")
    Reader(site).log_in("ayesha")
    for email in ("karim@example.com", "nobody@example.com"):
        invite(founder, community, email)
    bare(site).post("/api/auth/password-reset", json={"email": "ayesha@example.com"})
    reader.send("/account/details", name="Ayesha", email="a@example.com", password=PASSWORD)
    site.services[MailOutbox].send_all()
    assert {(mail["To"].partition("@")[0], mail["Subject"]) for mail in mailbox.mails} == {
        ("karim", "আপনার ইমেইল নিশ্চিত করুন"),
        ("karim", "রাতের বাস-এ আমন্ত্রণ"),
        ("nobody", "Invitation to Night bus"),
        ("ayesha", "New login to your account"),
        ("ayesha", "Your email address was changed"),
        ("a", "This is now the email of your account"),
    }
