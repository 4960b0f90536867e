"""The audit log page: an entry has a label, a person, and labelled details, without internal names."""

import re

from support.application.site import SPEC_MOMENT, Site
from support.people.page_readers import words
from support.programs.processes import ROOT

from koyjabo.people.audit import admin
from koyjabo.people.audit.log import ACTION_LABELS
from koyjabo.people.audit.queries import AuditRecord

AYESHA, MIRPUR = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a22"
DETAILS = {
    "member.add": {"user_id": AYESHA, "user": "Karim", "role": "moderator"},
    "member.role": {"user_id": AYESHA, "user": "Karim", "role": "moderator", "before": "member"},
    "member.accept": {"role": "member", "invited_by": AYESHA},
    "community.create": {"open": True, "listed": False},
    "community.change": {"was": {"is_open": False, "name": "Old"}, "now": {"is_open": True, "name": "New"}},
    "login.fail": {"failures": 3},
    "session.begin": {"second_factor": "totp"},
    "session.revoke": {"browser": "Chrome Android", "from": "Dhaka, BD"},
    "user.create": {"is_admin": False},
    "user.change": {"fields": "name, email"},
    "user.role": {"role": "viewer", "before": "member"},
    "second_factor.add": {"method": "totp"},
    "total.set": {"before": 22352, "after": 223520, "new_epoch": True, "reason": "Counted by hand"},
    "ledger.recounted": {"agrees": True, "problems": [], "problem_count": 0, "rows": 12, "seconds": 0.1},
    "ledger.rolled_back": {"scope": "site", "from": 1212, "to": 1200, "lost": 12, "at": "2026-11-23T21:00:00.000Z"},
    "visits.export": {"first_day": "2026-11-01", "text": True},
    "setup.step": {"step": "page", "state": "hidden"},
    "server.version": {"version": "1.2.0", "before": "1.1.0"},
}
OF = "Community: Mirpur 10"
EXPECTED = {
    "member.role": [OF, "User: Karim", "Role: Moderator", "Before: Member"],
    "community.change": [OF, "Open: No → Yes", "Name: Old → New"],
    "login.fail": ["User: Mirpur 10", "Failed logins in a row: 3"],
    "session.revoke": ["User: Mirpur 10", "Browser: Chrome Android", "Location: Dhaka, BD"],
    "user.create": ["User: Mirpur 10"],
    "second_factor.add": ["User: Mirpur 10", "Method: Authenticator app"],
    "total.set": ["Before: 22,352", "After: 223,520", "Reason: Counted by hand", "New count: Yes"],
    "ledger.recounted": ["All numbers agree: Yes", "Rows: 12"],
    "ledger.rolled_back": ["Acknowledged: 1,212", "Found: 1,200", "Lost visits: 12"],
    "setup.step": ["Status: Hidden"],
}
RAW = re.compile(r"%\(|\b\w+_\w+\b|\b(true|false|null|None|True|False)\b|[A-Za-z_]\w*\.\w+\b(?<!example\.com)")
"""Placeholders, and internal names and values."""

STORED = re.compile(r"""(?:entry|_change|_log|tx\.log)\([^"]{0,60}"([a-z_]+\.[a-z_]+)\"""")


def texts_of(site: Site, language: str, record: AuditRecord) -> list[str]:
    """The person, followed by the details."""
    with site.app.test_request_context(headers={"Accept-Language": language}):
        shown = [(detail.label, detail.before, words(str(detail.value))) for detail in admin.details(record)]
        lines = [f"{label}: {f'{before} → ' if before else ''}{value}" for label, before, value in shown]
        return [words(str(admin._who(record))), *lines]


def record_of(action: str, **values: object) -> AuditRecord:
    kind, _, _ = action.partition(".")
    kinds = {"member": "community", "login": "user", "session": "user", "second_factor": "user", "ledger": "total"}
    line = AuditRecord(1, SPEC_MOMENT, AYESHA, "Rani", action, kinds.get(kind, kind), MIRPUR, "Mirpur 10", {}, "")
    return line._replace(details=DETAILS.get(action, {}), **values)


def test_details_have_labels_and_values_and_the_subject_is_the_first(site):
    assert {action: texts_of(site, "en", record_of(action)) for action in EXPECTED} == {
        action: ["Rani", *details] for action, details in EXPECTED.items()
    }
    assert texts_of(site, "en", record_of("session.begin", target_id=AYESHA)) == ["Rani"], "their own account"


def test_nothing_shows_a_name_of_the_program(site):
    for action, label in ACTION_LABELS.items():
        for language in ("en", "bn"):
            texts = (label, *texts_of(site, language, record_of(action)))
            assert [match for text in texts for match in RAW.findall(text)] == [], (action, language)


def test_every_action_that_is_stored_has_a_label(site):
    sources = (file.read_text() for file in (ROOT / "koyjabo").glob("**/*.py"))
    stored = {action for source in sources for action in STORED.findall(source)}
    assert {"community.create", "user.sign_up", "user.unlock", "key.rotate"} <= stored <= set(ACTION_LABELS)


def test_people_who_are_not_there_are_said_in_words(site):
    def of(**values: object) -> list[str]:
        return texts_of(site, "en", record_of("user.disable", **values))

    assert of(actor_id=None) == ["The operator", "User: Mirpur 10"]
    assert of(actor_id="~", target_id="~") == ["Deleted account", "User: Deleted account"]
    assert of(actor_id="", target="") == ["A visitor"]
