"""Numbers that change: they can be read under load, and fit at any length."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from support.pages import expect, stat, visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

REST_MS, TOLERANCE_MS = 600, 20
BEGIN = """
async () => {
  const { Figures } = await import("/static/js/figures.js");
  const shown = document.querySelector("[data-stat=uniqueVisitors]");
  shown.dataset.stat = "test";
  shown.dataset.value = shown.textContent = "1000";
  window.figures = new Figures();
  window.shown = shown;
  window.rolls = [];  // [begin, end] of each, ms
  const watch = () => {
    const isRolling = shown.querySelector(".rolling") !== null, last = rolls.at(-1);
    if (isRolling && (!last || last.length === 2)) rolls.push([performance.now()]);
    if (!isRolling && last?.length === 1) last.push(performance.now());
  };
  new MutationObserver(watch).observe(shown, { childList: true });
}
"""
UPDATE = """
async ([times, everyMs]) => {
  let rolling = 0, samples = 0;
  const sample = setInterval(() => { samples++; rolling += shown.querySelector(".rolling") !== null; }, everyMs / 4);
  for (let at = 1; at <= times; at++) {
    figures.show({ test: 1000 + at });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  clearInterval(sample);
  return rolling / samples;
}
"""
FILL = """
async ([number, locale]) => {
  const { Figures } = await import("/static/js/figures.js");
  const shown = [...document.querySelectorAll("[data-stat]")];
  for (const each of shown) each.dataset.value = "0";
  new Figures().show(Object.fromEntries(shown.map((each) => [each.dataset.stat, number])));
  await new Promise(requestAnimationFrame);
  const page = document.documentElement, text = number.toLocaleString(locale);
  const isOver = (each) => each.textContent !== text || each.scrollWidth > each.clientWidth;
  const over = shown.filter(isOver).map((each) => `${each.textContent}: ${each.scrollWidth} in ${each.clientWidth}`);
  return page.scrollWidth > page.clientWidth ? [...over, "the page"] : over;
}
"""
COUNT_RIPPLES = """
() => {
  const { animate } = Element.prototype;
  Element.prototype.animate = function (...how) {
    window.rippled ||= this.matches("[data-line]");
    return animate.apply(this, how);
  };
}
"""


@pytest.fixture
def figure(page: Page, site) -> Page:
    """The home page, in which one number belongs to the test."""
    visit(page)
    expect(page.locator("[data-line]")).to_have_text("Live")
    page.evaluate(BEGIN)
    return page


def test_digits_rest_between_two_rolls(figure):
    figure.evaluate(UPDATE, [5, 700])
    wait_for(figure, lambda: figure.evaluate("shown.textContent") == "1,005", "the last number is shown")
    rolls = [roll for roll in figure.evaluate("rolls") if len(roll) == 2]
    assert len(rolls) >= 3
    rests = [begin - end for (_, end), (begin, _) in pairwise(rolls)]
    assert min(rests) >= REST_MS - TOLERANCE_MS, rests


def test_number_counts_up_without_rolling_when_visits_come_fast(figure):
    share = figure.evaluate(UPDATE, [50, 100])
    assert share <= 0.4
    assert figure.evaluate("shown.textContent") in ("1,049", "1,050"), "it keeps up"
    assert figure.evaluate("rolls.length") <= 3


@pytest.mark.parametrize("locale", [pytest.param("en-GB", marks=pytest.mark.long), "bn-BD"])
def test_twelve_digits_fit(new_device, site, locale):
    """Where the server writes them, and where the script does."""
    device = new_device(locale=locale, viewport={"width": 320, "height": 700})
    page = device.context.new_page()
    longest = 123_456_789_012
    page.route("**/api/**", lambda route: route.abort())
    page.route_web_socket("**/*", lambda socket: socket.close())
    visit(page)
    for width in (320, 360, 768, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 700})
        for length in (7, 9, 12):
            over = page.evaluate(FILL, [longest // 10 ** (12 - length), locale])
            assert over == [], f"{width} px, {length} digits"


def test_page_says_how_lively_the_site_is(page, site):
    page.clock.install()
    visit(page)
    expect(page.locator("[data-line]")).to_have_text("Live")
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)  # from now on it passes here alone
    total = site.register("rahim").stats.total
    expect(page).to_have_title(f"{total:,} · Live stats · Koy Jabo")
    page.clock.run_for(8_000)
    expect(page.locator("[data-pulse]")).to_have_text(re.compile(r"^\d+ a minute · last visit 8s ago$"))
    for visits in range(1, 4):
        page.clock.run_for(30_000)  # after 45 s of silence the page would ask, whose answer takes a time of its own
        site.register("rahim")
        expect(page).to_have_title(f"{total + visits:,} · Live stats · Koy Jabo")
    page.clock.run_for(25_000)  # now none of the visits before these counts any more
    expect(page.locator("[data-pulse]")).to_have_text(re.compile("^[123] a minute · last visit 25s ago$"))


def test_dot_ripples_with_each_visit_unless_nothing_shall_move(new_device, site):
    for motion, ripples in (("no-preference", True), ("reduce", False)):
        page = new_device(reduced_motion=motion).open()
        expect(page.locator("[data-line]")).to_have_text("Live")
        page.evaluate(COUNT_RIPPLES)
        total = site.register("rahim").stats.total
        expect(stat(page, "totalVisits")).to_have_text(f"{total:,}")
        assert bool(page.evaluate("window.rippled")) == ripples
