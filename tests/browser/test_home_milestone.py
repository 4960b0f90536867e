"""A milestone is celebrated once on every open page, without motion for people who prefer none."""

import pytest
from support.browser.pages import expect, live, wait_for

MILESTONE, NEXT = 4_006, 4_008
WATCH_CONFETTI = """
window.fallen = 0;
window.announced = [];
new MutationObserver((all) => {
  const isPaper = (node) => node.className === "confetti";
  for (const { addedNodes } of all) window.fallen += [...addedNodes].filter(isPaper).length;
  const said = document.querySelector("[data-announcement]")?.textContent;
  if (said && said !== window.announced.at(-1)) window.announced.push(said);
}).observe(document, { childList: true, subtree: true, characterData: true });
const now = performance.now.bind(performance);
performance.now = () => 40 * now();
"""
"""Shortens the fall of the confetti to a fortieth, because software rendering is slow."""


@pytest.fixture(scope="module")
def site(new_site):
    return new_site(MILESTONES=f"{MILESTONE},{NEXT},9000")


def test_milestone_is_celebrated_once_on_every_page(new_device, site):
    pages = []
    for motion in ("no-preference", "no-preference", "reduce"):
        device = new_device(reduced_motion=motion)
        device.context.add_init_script(WATCH_CONFETTI)
        pages.append(live(device.open()))
    words = "[data-goal-words]"
    expect(pages[0].locator(words)).to_have_text("3 more to 4,006")
    while site.register("somebody").stats.total < MILESTONE:
        pass
    for page in pages:
        expect(page.locator(words)).to_have_text("4,006 visits, just now!")
        wait_for(page, lambda page=page: "4,006 visits, just now!" in page.evaluate("announced"), "it is announced")
    for page in pages[:2]:
        wait_for(page, lambda page=page: page.evaluate("window.fallen") == 1, "confetti falls")
        expect(page.locator(".confetti")).to_have_count(0)  # it has fallen
    site.register("somebody")
    pages[0].reload()
    expect(pages[0].locator(words)).to_have_text("1 more to 4,008")
    assert [page.evaluate("window.fallen") for page in pages] == [0, 1, 0]
    page = device.open()
    expect(page.locator("[data-own]")).to_contain_text("You are visit no. 4,008, ")
    expect(page.locator("[data-goal-words]")).to_have_text("4,008 visits, just now!")
