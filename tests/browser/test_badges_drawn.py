"""Badges in a real browser: each text fits its shape in both scripts, and is neither squeezed nor stretched."""

import pytest

from koyjabo.site.badges import drawing
from koyjabo.site.shown_values import VALUE_LABELS

pytestmark = pytest.mark.long(
    proved_by="browser/test_count_element.py::test_all_elements_of_a_page_are_one_visit_and_share_a_socket"
)

NUMBERS = ("0", "7", "4,001", "11,111", "1,234,567", "৭", "৪,০০১", "১১,১১১", "১২,৩৪,৫৬৭", "৯৯,৯৯,৯৯,৯৯৯")
OTHERS = ("WWWWWWWW", "iiiiiiii", "Visits (all time) & more", "কই যাবো ভিজিট", "ক্ষুদ্র ঋণ গ্রাহক", "শ্রী ত্রিশ উদ্‌যাপন")
MAX_STRETCH = 0.2
ROOM_PX = 4

MEASURE = """
(images) => images.map((image) => {
  document.body.innerHTML = image;
  const shapes = [...document.querySelectorAll("rect[fill^='#']")].map((shape) => shape.getBBox());
  return [...document.querySelectorAll("text")].map((text, at) => {
    const { x, width } = text.getBBox(), shape = shapes[at];
    text.removeAttribute("textLength");
    const own = text.getComputedTextLength();
    const right = shape.x + shape.width - x - width;
    return { text: text.textContent, left: x - shape.x, right, stretch: width / own };
  });
})
"""


@pytest.mark.parametrize("style", drawing.STYLES)
def test_the_texts_of_a_badge_lie_inside_their_shapes_and_are_hardly_stretched(browser, style):
    labels = (*VALUE_LABELS["en"].values(), *VALUE_LABELS["bn"].values(), *OTHERS)
    images = [drawing.badge(label, number, "#006a4e", style, "bn") for label in labels for number in NUMBERS]
    page = browser.new_page()
    measured = [text for image in page.evaluate(MEASURE, images) for text in image]
    page.close()
    assert len(measured) == 2 * len(images)
    outside = {text["text"] for text in measured if min(text["left"], text["right"]) < ROOM_PX}
    assert outside == set()
    changed = {text["text"]: text["stretch"] for text in measured if abs(text["stretch"] - 1) > MAX_STRETCH}
    assert changed == {}
