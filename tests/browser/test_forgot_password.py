"""Somebody who forgot the password gets a new one by mail, without an operator; other links of mails, followed."""

from __future__ import annotations

import pytest
from support.mailbox import LINK, Mailbox, text_of
from support.members import PASSWORD, Member
from support.pages import check_accessible, expect, visit
from support.redis import free_port

NEW = "launch at dusk"


@pytest.fixture(scope="module")
def mailbox():
    mailbox = Mailbox().start()
    yield mailbox
    mailbox.stop()


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database, mailbox):
    port = free_port()
    settings = mailbox.settings(PUBLIC_URL=f"http://localhost:{port}", PORT=port)
    return module_servers(module_sqlite_database, **settings).start()


def link(mailbox: Mailbox, email: str, subject: str) -> str:
    (found,) = LINK.findall(text_of(mailbox.wait_for(email, subject)))
    return found


def test_somebody_who_forgot_the_password_gets_a_new_one_by_mail(new_device, site, mailbox):
    salma = Member(site, "salma")
    device = new_device(locale="en-GB", viewport={"width": 360, "height": 740})
    page = device.open("/communities")
    page.get_by_role("main").get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="Forgot password?").click()
    check_accessible(page)
    page.get_by_label("Email").fill("Salma@example.com")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("status").filter(has_text="a mail with a link is on its way")).to_be_visible()

    visit(page, link(mailbox, salma.email, "Choose a new password"))
    check_accessible(page)
    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("must have 8 to 128 characters")).to_be_visible()
    page.get_by_label("New password").fill(NEW)
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_role("status").filter(has_text="Log in with the new password.")).to_be_visible()

    page.get_by_label("Email").fill(salma.email)
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("banner").get_by_text("salma")).to_be_visible()
    visit(page, link(mailbox, salma.email, "Choose a new password"), 404)
    expect(page.get_by_role("alert")).to_contain_text("This link is not valid any more")
    salma.call("GET", "/api/auth/me", status=401)


def test_invited_person_signs_up_confirms_the_email_and_answers_both_ways(new_device, site, mailbox):
    founder = Member(site, "founder")
    here, there = founder.found("Night bus", open=False), founder.found("Metro", open=False)
    for community in (here, there):
        founder.call("POST", f"/api/communities/{community}/members", {"email": "rahim@example.com", "role": "member"})
    device = new_device(locale="bn-BD")
    page = device.open(link(mailbox, "rahim@example.com", "Invitation to Night bus"))
    check_accessible(page)
    page.get_by_role("main").get_by_role("link", name="অ্যাকাউন্ট খুলুন").click()
    page.get_by_label("নাম").fill("রহিম")
    page.get_by_label("ইমেইল").fill("rahim@example.com")
    page.get_by_label("পাসওয়ার্ড").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="অ্যাকাউন্ট খুলুন").click()
    expect(page.get_by_text("Night bus")).to_be_visible()
    check_accessible(page)
    page.get_by_role("button", name="গ্রহণ করুন").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Night bus")

    visit(page, link(mailbox, "rahim@example.com", "আপনার ইমেইল নিশ্চিত করুন"))
    check_accessible(page)
    page.get_by_role("button", name="ইমেইল নিশ্চিত করুন").click()
    expect(page.get_by_role("status").filter(has_text="আপনার ইমেইল নিশ্চিত হয়েছে।")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="আপনার অ্যাকাউন্ট").click()
    check_accessible(page)
    page.get_by_role("button", name="ফিরিয়ে দিন: Metro").click()
    expect(page.get_by_role("status").filter(has_text="আপনি আমন্ত্রণটি ফিরিয়ে দিয়েছেন।")).to_be_visible()
    assert {each["name"] for each in founder.call("GET", f"/api/communities/{here}/members")} == {"founder", "রহিম"}
    assert {each["name"] for each in founder.call("GET", f"/api/communities/{there}/members")} == {"founder"}
