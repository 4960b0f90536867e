"""At a milestone, the red disc opens for a minute on every open page, and on pages opened within that minute."""

import pytest
from pages import expect, live, visit

MILESTONE, NEXT, REACHED = 4_006, 4_008, "4,006 visits, just now!"
OPEN = "[data-light][data-reached]"
MOVES = "document.querySelector('[data-light] p').getAnimations().length"
LATE = """
  const now = Date.now;
  Date.now = () => now() + 61_000;
  dispatchEvent(new CustomEvent("koyjaboMilestone", { detail: { milestone: 9000 } }));
"""


@pytest.fixture(scope="module")
def site(new_site):
    return new_site(MILESTONES=f"{MILESTONE},{NEXT},9000")


def test_the_disc_opens_for_a_minute_on_every_page_at_a_milestone(new_device, site):
    sleeper, page = new_device().context.new_page(), live(new_device(reduced_motion="reduce").open())
    sleeper.clock.install()
    visit(sleeper)
    live(sleeper)
    ahead = MILESTONE - site.stats().total
    expect(page.locator("[data-goal-words]")).to_have_text(f"{ahead} more to 4,006")
    while site.register("somebody").stats.total < MILESTONE + 1:
        pass
    expect(page.locator(OPEN)).to_have_text(REACHED)
    assert page.evaluate(MOVES) == 0, "nothing moves for people who prefer that"
    expect(page.locator("[data-announcement]")).to_have_text(REACHED)
    expect(page.locator("[data-goal-words]")).to_have_text("1 more to 4,008")
    expect(sleeper.locator(OPEN)).to_have_text(REACHED)
    sleeper.clock.fast_forward(61_000)
    expect(sleeper.locator(OPEN)).to_have_count(0)

    own = live(new_device().open())
    expect(own.locator("[data-own]")).to_contain_text("You are visit no. 4,008, ")
    expect(own.locator(OPEN)).to_have_text("4,008 visits, just now!")
    own.get_by_role("link", name="Share my number").click()
    expect(own.locator("[data-ways]")).to_have_attribute("data-title", "I was no. 4,008 on Koy Jabo")
    address = own.locator("[data-ways] + input").input_value()
    late = new_device().open()
    expect(late.locator(OPEN)).to_have_text("4,008 visits, just now!")
    late.goto(address)
    expect(late.locator("[data-ways]")).to_have_attribute("data-title", "Visit no. 4,008 on Koy Jabo")


def test_a_page_suspended_during_a_milestone_does_not_open_the_disc_later(new_device, site):
    page = live(new_device().open())
    page.evaluate(LATE)
    expect(page.locator(OPEN)).to_have_count(0)
