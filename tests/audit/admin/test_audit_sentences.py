"""The audit log is read by people: each action is a sentence with names, and no detail shows a name of the program."""

from __future__ import annotations

import re

from support.application.site import SPEC_MOMENT, Site
from support.people.page_readers import words

from koyjabo.audit.admin import sentences
from koyjabo.audit.log import ACTIONS, AuditRecord

AYESHA, MIRPUR = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a22"
DETAILS = {
    "member.add": {"user_id": AYESHA, "user": "Karim", "role": "moderator"},
    "member.role": {"user_id": AYESHA, "user": "Karim", "role": "moderator", "before": "member"},
    "member.remove": {"user_id": AYESHA, "user": "Karim", "role": "member"},
    "member.invite": {"role": "admin"},
    "member.accept": {"role": "member", "invited_by": AYESHA},
    "community.create": {"open": True, "listed": False},
    "community.change": {"was": {"is_open": False, "name": "Old"}, "now": {"is_open": True, "name": "New"}},
    "login.fail": {"failures": 3},
    "session.begin": {"second_factor": "totp"},
    "session.revoke": {"browser": "Chrome Android", "from": "Dhaka, BD"},
    "user.create": {"is_admin": False},
    "user.change": {"fields": "name, email"},
    "user.role": {"role": "viewer", "before": "member"},
    "second_factor.add": {"method": "passkey", "name": "My phone"},
    "total.set": {"before": 22352, "after": 223520, "new_epoch": True, "reason": "Counted by hand"},
    "ledger.recounted": {"agrees": True, "problems": [], "problem_count": 0, "rows": 12, "seconds": 0.1},
    "ledger.rolled_back": {"scope": "site", "from": 1212, "to": 1200, "lost": 12, "at": "2026-11-23T21:00:00.000Z"},
    "ledger.rollback_seen": {"lost": 12},
    "visits.export": {"kind": "csv", "first_day": "2026-11-01", "text": True},
    "visits.import": {"new": 1200, "known": 7},
    "annotation.add": {"day": "2026-11-01", "note": "The new timetable began"},
    "server.version": {"version": "1.2.0", "before": "1.1.0"},
    "audit.export": {"filter": {"kind": "changes", "action": "member.role", "first_day": "2026-11-01"}},
}
EXPECTED = {
    "member.role": ("Rani made Karim a moderator of Mirpur 10", []),
    "member.invite": ("Rani invited a person to Mirpur 10 as an admin", []),
    "community.change": ("Rani changed the community Mirpur 10", ["Open: No → Yes", "Name: Old → New"]),
    "login.fail": ("A login as Mirpur 10 failed", ["Failed logins in a row: 3"]),
    "session.revoke": ("Rani ended one of their sessions", ["Browser: Chrome Android", "Place: Dhaka, BD"]),
    "user.create": ("Rani created the account Mirpur 10", []),
    "user.role": ("Rani made Mirpur 10 a viewer of the panel", []),
    "second_factor.add": ("Rani added the passkey My phone", []),
    "total.set": ("Rani changed the total from 22,352 to 223,520", ["Reason: Counted by hand", "New count: Yes"]),
    "ledger.recounted": ("The recount found that all numbers agree", ["Rows: 12"]),
    "ledger.rolled_back": ("The database went back: 12 visits lost", ["Acknowledged: 1,212", "Found: 1,200"]),
    "ledger.rollback_seen": ("Rani acknowledged that the database went back", ["Lost visits: 12"]),
    "visits.import": ("Rani imported new visits: 1,200", ["Known visits: 7"]),
    "audit.export": ("Rani exported the audit log", ["From: 2026-11-01"]),
    "annotation.add": (
        "Rani added an annotation to the charts",
        ["Day: 2026-11-01", "Annotation: The new timetable began"],
    ),
    "server.version": ("Version 1.2.0 started", []),
}
RAW = re.compile(r"%\(|\b\w+_\w+\b|\b(true|false|null|None|True|False)\b|[A-Za-z_]\w*\.\w+\b(?<!example\.com)")
"""Placeholders, and names and values of the program."""


def said(site: Site, language: str, record: AuditRecord) -> tuple[str, list[str]]:
    with site.app.test_request_context(headers={"Accept-Language": language}):
        details = sentences.details(record)
        shown = [f"{each.label}: {f'{each.before} → ' if each.before else ''}{each.value}" for each in details]
        return words(str(sentences.sentence(record))), shown


def record_of(action: str, **values: object) -> AuditRecord:
    kind = "community" if action.startswith(("community", "member")) else "user"
    line = AuditRecord(1, SPEC_MOMENT, AYESHA, "Rani", action, kind, MIRPUR, "Mirpur 10", DETAILS.get(action, {}), "")
    return line._replace(**values)


def test_sentence_names_who_what_and_whom(site):
    assert {action: said(site, "en", record_of(action)) for action in EXPECTED} == EXPECTED


def test_every_action_is_a_sentence_without_names_of_the_program(site):
    assert {*ACTIONS} <= {*sentences.ACTION_TEXTS}
    for action in ACTIONS:
        for language in ("en", "bn"):
            sentence, details = said(site, language, record_of(action))
            assert [found for text in (sentence, *details) for found in RAW.findall(text)] == [], (action, language)


def test_variants_are_distinguished(site):
    def sentence(action: str, details: dict, **values: object) -> str:
        return said(site, "en", record_of(action, details=details, **values))[0]

    assert sentence("user.create", {"is_admin": True}) == "Rani created the admin account Mirpur 10"
    assert sentence("user.password", {}, target_id=AYESHA) == "Rani changed their password"
    assert sentence("user.change", {"fields": "email"}) == "Rani changed their email"
    assert sentence("user.role", {"role": "member"}) == "Rani removed the viewer rights of Mirpur 10"
    assert sentence("session.revoke", {"sessions": 3}) == "Rani ended all their other sessions"
    assert sentence("visits.export", {"days": True}) == "Rani exported visits by day"
    assert sentence("ledger.recounted", {"agrees": False, "problem_count": 2}) == "The recount found problems: 2"
    assert sentence("ledger.backup", {"rows": 9}) == "Rani made a backup"
    assert sentence("ledger.backup", {"rows": 9, "proven": True}) == "The server made a backup and proved it"
    assert sentence("ledger.rolled_back", {"lost": 1}) == "The database went back: 1 visit lost"
    of_one = sentence("ledger.rolled_back", {"lost": 2}, target_kind="community")
    assert of_one == "The database went back: 2 visits of Mirpur 10 lost"
    assert sentence("ledger.recounted", {"error": "No database."}) == "The recount failed"


def test_people_who_are_not_there_are_said_in_words(site):
    def sentence(**values: object) -> str:
        return said(site, "en", record_of("user.disable", **values))[0]

    assert sentence(actor_id=None) == "The operator disabled the account Mirpur 10"
    assert sentence(actor_id="~", target_id="~") == "a deleted account disabled the account a deleted account"
    assert said(site, "en", record_of("visitor.forget", actor_id=""))[0] == "A visitor erased the data of a visitor"
    assert said(site, "en", record_of("an.old_action"))[0] == "an.old_action"
