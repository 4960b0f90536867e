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
    shown.closest("[data-cell]")?.removeAttribute("data-cell");  // reports find their elements by cell
    shown.textContent = Number(shown.dataset.value = 4990).toLocaleString(document.documentElement.lang);
    return shown;
  });
  const figures = new Figures(), names = elements.map(({ dataset }) => dataset.stat);
  window.show = (newest) => figures.show(Object.fromEntries(names.map((name) => [name, window.number = newest])));
  window.number = 4990;
  await document.fonts.ready;
}
"""
"""Puts all numbers of a page into the hands of the test."""

WATCH = """
async ([frames, everyMs]) => {
  const STILL = ["clipPath", "transform", "translate", "rotate", "scale"];
  const sign = (node, at, range = new Range()) => {
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    return range.getBoundingClientRect();
  };
  const signs = (node) =>
    [...node.data ?? node.childNodes].flatMap((part, at) => node.data ? sign(node, at) : signs(part));
  const places = (element, box = element.getBoundingClientRect()) =>
    signs(element).flatMap(({ x, y }) => [x - box.x, y - box.y]);
  const rest = elements.map((element) => places(element)), faults = new Set();
  let fades = 0, due = performance.now() + 500;
  for (let frame = 0; frame < frames; frame += 1) {
    const now = await new Promise(requestAnimationFrame);
    if (now >= due) show(number + 1), due = Math.max(due + everyMs, now);
    elements.forEach((element, at) => {
      if (element.textContent !== number.toLocaleString(document.documentElement.lang)) faults.add(element.textContent);
      if (places(element).some((value, side) => Math.abs(value - rest[at][side]) > 0.1)) faults.add("moved");
      for (const digit of element.querySelectorAll("*")) {
        const drawn = [getComputedStyle(digit), getComputedStyle(digit, "::before")];
        const isCut = (style) => style.overflow !== "visible" || STILL.some((name) => style[name] !== "none");
        if (drawn.some(isCut)) faults.add("cut or moved");
        const own = digit.matches(".changed") ? getComputedStyle(digit.firstChild) : { opacity: 1 };
        if (Number(own.opacity) + Number(drawn[1].opacity) < 0.9) faults.add("faint");
      }
      const running = element.getAnimations({ subtree: true });
      fades += running.length;
      if (running.some(({ effect }) => effect.getComputedTiming().endTime > 150)) faults.add("longer than 150 ms");
    });
  }
  return { faults: [...faults], fades, number };
}
"""
"""Looks at a number of frames while all numbers change at an interval."""

PAUSE = """(at) => elements.flatMap((element) => element.getAnimations({ subtree: true })).forEach((fade) => {
  fade.currentTime = at;
  fade.pause();
})"""
FADE_MS = 120


def test_changed_digits_fade_in_their_place(new_device):
    page = new_device(**MOVES).open()
    page.evaluate(BEGIN)
    seen = page.evaluate(WATCH, [60, 60_000])
    assert (seen["faults"], seen["number"], bool(seen["fades"])) == ([], 4991, True)
    number = page.locator("[data-stat=uniqueVisitors]")
    before = number.screenshot()
    page.evaluate(f"show(5118); ({PAUSE})(0)")
    assert_same(number.screenshot(), before)
    page.evaluate(PAUSE, FADE_MS - 1)
    last = number.screenshot()
    page.evaluate(PAUSE, FADE_MS)
    expect(number.locator(".changed")).to_have_count(0)
    assert_same(number.screenshot(), last)


def test_digits_do_not_fade_where_motion_is_reduced(new_device):
    page = new_device().open()
    page.evaluate(BEGIN)
    seen = page.evaluate(WATCH, [60, 200])
    assert (seen["faults"], seen["fades"], seen["number"] > 4990) == ([], 0, True)


@pytest.mark.long(proved_by="browser/test_figures.py::test_changed_digits_fade_in_their_place")
@pytest.mark.parametrize("language", ["en", "bn"])
@pytest.mark.parametrize("place", ["/", "/admin", "number", "community"])
def test_no_frame_shows_a_digit_that_is_faint_or_out_of_its_place(
    new_device, session, founder, open_community, place, language
):
    share = founder.visit(f"figures-{place.strip('/')}-{language}")["visit"]["share"]
    path = {"number": share, "community": f"/communities/{open_community}"}.get(place, place)
    page = new_device(storage_state=session, locale=language, **MOVES).open(path)
    page.evaluate(BEGIN)
    for every_ms in (800, 50):
        seen = page.evaluate(WATCH, [300, every_ms])
        assert (seen["faults"], bool(seen["fades"])) == ([], True)  # of the busy ones only the first


def assert_same(one: bytes, other: bytes) -> None:
    first, second = (Image.open(BytesIO(picture)).convert("L") for picture in (one, other))
    assert ImageChops.difference(first, second).getextrema()[1] <= 12, "of 255, which no eye sees"
