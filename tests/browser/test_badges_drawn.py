"""Badges in a real browser: each text fits its shape in both scripts, and is neither squeezed nor stretched."""

import pytest

from koyjabo.site.badges import drawing
from koyjabo.site.shown_values import VALUE_LABELS

NUMBERS = ("0", "7", "4,001", "11,111", "1,234,567", "৭", "৪,০০১", "১১,১১১", "১২,৩৪,৫৬৭", "৯৯,৯৯,৯৯,৯৯৯")
OTHERS = ("WWWWWWWW", "iiiiiiii", "Visits (all time) & more", "কই যাবো ভিজিট", "ক্ষুদ্র ঋণ গ্রাহক", "শ্রী ত্রিশ উদ্‌যাপন")
MEASURE = """
(images) => images.flatMap((image) => {
  document.body.innerHTML = image;
  const shapes = [...document.querySelectorAll("rect[fill^='#']")].map((shape) => shape.getBBox());
  return [...document.querySelectorAll("text")].map((text, at) => {
    const { x, width } = text.getBBox(), shape = shapes[at];
    text.removeAttribute("textLength");
    const room = Math.min(x - shape.x, shape.x + shape.width - x - width);
    return [text.textContent, room, Math.abs(width / text.getComputedTextLength() - 1)];
  });
})
"""


@pytest.mark.long(
    proved_by="site/badges/test_badges.py::test_a_text_in_another_script_is_not_stretched_and_fits_into_its_shape"
)
@pytest.mark.parametrize("style", drawing.STYLES)
def test_a_badge_drawn_by_a_browser_has_hardly_stretched_texts(page, style):
    labels = (*VALUE_LABELS["en"].values(), *VALUE_LABELS["bn"].values(), *OTHERS)
    images = [drawing.badge(label, number, "#006a4e", style, "bn") for label in labels for number in NUMBERS]
    texts = page.evaluate(MEASURE, images)
    assert len(texts) == 2 * len(images)
    assert [text for text, room_px, stretch in texts if room_px < 4 or stretch > 0.2] == []
