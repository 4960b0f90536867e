"""Changing numbers are readable in every frame: no digit is faint, cut or out of its place."""

from io import BytesIO

import pytest
from pages import MOVES, expect
from PIL import Image, ImageChops

BEGIN = """
async () => {
  const { Figures } = await import("/static/webkit/figures.js");
  for (const part of document.querySelectorAll("[data-live]")) part.removeAttribute("data-live");
  const own = [...document.querySelectorAll("[data-stat]:not(.hidden-text)")];
  window.elements = own.filter((element) => element.getClientRects().length).map((element) => {
    const shown = element.cloneNode(true);  // the page goes on writing into its own element
    element.replaceWith(shown);
    shown.textContent = (4990).toLocaleString(document.documentElement.lang);
    shown.dataset.value = "4990";
    return shown;
  });
  const figures = new Figures(), names = elements.map(({ dataset }) => dataset.stat);
  window.number = 4990;
  window.show = (newest) => { figures.show(Object.fromEntries(names.map((name) => [name, number = newest]))); };
  await document.fonts.ready;
}
"""
"""Puts all numbers of a page into the hands of the test."""

WATCH = """
async ([frames, everyMs]) => {
  const STILL = ["clipPath", "transform", "translate", "rotate", "scale"];
  const faults = new Set(), places = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), rects = [], range = document.createRange();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      for (let at = 0; at < node.length; at += 1) {
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        const { x, y, width, height } = range.getBoundingClientRect(), box = element.getBoundingClientRect();
        rects.push([x - box.x, y - box.y, width, height]);
      }
    }
    return rects;
  };
  const rest = elements.map(places), locale = document.documentElement.lang;
  let fades = 0, due = performance.now() + 500;
  for (let frame = 0; frame < frames; frame += 1) {
    const now = await new Promise(requestAnimationFrame);
    if (now >= due) {
      show(number + 1);
      due = Math.max(due + everyMs, now);
    }
    elements.forEach((element, at) => {
      if (element.textContent !== number.toLocaleString(locale)) faults.add(`text ${element.textContent}`);
      const moved = (place, sign) => place.map((value, side) => Math.abs(value - rest[at][sign][side]));
      const most = Math.max(...places(element).flatMap(moved));
      if (most > 0.1) faults.add(`moved by ${most} px`);
      const drawn = [...element.querySelectorAll("*")].flatMap((digit) => [[digit], [digit, "::before"]]);
      for (const style of drawn.map((digit) => getComputedStyle(...digit))) {
        if (style.overflow !== "visible" || STILL.some((name) => style[name] !== "none")) faults.add("cut or moved");
      }
      for (const changed of element.querySelectorAll(".changed")) {
        const [own, old] = [getComputedStyle(changed.firstChild), getComputedStyle(changed, "::before")];
        const sum = Number(own.opacity) + Number(old.opacity);
        if (sum < 0.9) faults.add(`opacity ${sum}`);
      }
      for (const { effect } of element.getAnimations({ subtree: true })) {
        fades += 1;
        if (effect.getComputedTiming().endTime > 150) faults.add("longer than 150 ms");
      }
    });
  }
  return { faults: [...faults], fades, number };
}
"""
"""Looks at a number of frames while all numbers change at an interval."""

BARELY = 12
"""Difference of brightness, of 255, that no eye sees."""

PAUSE = """
([number, at]) => {
  if (number) show(number);
  for (const fade of elements.flatMap((element) => element.getAnimations({ subtree: true }))) {
    fade.currentTime = at;
    fade.pause();
  }
}
"""
FINISH = "elements.flatMap((element) => element.getAnimations({ subtree: true })).forEach((fade) => fade.finish())"
FADE_MS = 120


def test_changed_digits_fade_in_their_place(new_device):
    page = new_device(**MOVES).open()
    page.evaluate(BEGIN)
    seen = page.evaluate(WATCH, [60, 60_000])
    assert (seen["faults"], seen["number"]) == ([], 4991)
    assert seen["fades"]
    number = page.locator("[data-stat=uniqueVisitors]")
    old = number.screenshot()
    page.evaluate(PAUSE, [5118, 0])
    assert difference(number.screenshot(), old) <= BARELY, "it begins with the old digits"
    page.evaluate(PAUSE, [0, FADE_MS - 1])
    last = number.screenshot()
    page.evaluate(FINISH)
    expect(number.locator(".changed")).to_have_count(0)
    assert difference(number.screenshot(), last) <= BARELY, "it ends with the new ones"


def test_digits_do_not_fade_where_motion_is_reduced(new_device):
    page = new_device().open()
    page.evaluate(BEGIN)
    seen = page.evaluate(WATCH, [60, 200])
    assert (seen["faults"], seen["fades"]) == ([], 0)
    assert seen["number"] > 4990


@pytest.mark.long(proved_by="browser/test_figures.py::test_changed_digits_fade_in_their_place")
@pytest.mark.parametrize("language", ["en", "bn"])
@pytest.mark.parametrize("place", ["home", "number", "overview", "community"])
def test_no_frame_of_a_page_shows_a_digit_that_is_faint_or_out_of_its_place(
    new_device, session, founder, open_community, place, language
):
    share = founder.visit(f"figures-{place}-{language}")["visit"]["share"]
    path = {"home": "/", "number": share, "overview": "/admin", "community": f"/communities/{open_community}"}[place]
    page = new_device(storage_state=session, locale=language, **MOVES).open(path)
    page.evaluate(BEGIN)
    for every_ms in (800, 50):
        seen = page.evaluate(WATCH, [300, every_ms])
        assert (seen["faults"], bool(seen["fades"])) == ([], True)  # of the busy ones only the first


def difference(one: bytes, other: bytes) -> int:
    """The largest difference of a pixel's brightness, from 0 to 255."""
    first, second = (Image.open(BytesIO(picture)).convert("L") for picture in (one, other))
    return int(ImageChops.difference(first, second).getextrema()[1])
