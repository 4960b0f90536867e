"""Charts that people view, point at and have read aloud: bars, and a hatched current period."""

import pytest
from support.browser.pages import expect, visit_as

long = pytest.mark.long(proved_by="browser/test_charts.py::test_tooltip_follows_the_arrow_keys_and_is_announced")

ROWS = [("9:00", 20), ("10:00", 90), ("11:00", 45), ("12:00", 0), ("13:00", 10), ("14:00", 60)]
FILL = """(rows, values) => {
  const [first, ...others] = rows.querySelectorAll("tr");
  for (const element of others) element.remove();
  values.forEach(([label, number], at) => {
    const row = first.cloneNode(true);
    row.querySelector("[data-at]").childNodes[0].textContent = `16 Dec, ${label} `;
    if (at < values.length - 1) row.querySelector("small").remove();
    row.querySelector("[data-value]").dataset.value = number;
    rows.prepend(row);
  });
  rows.lastElementChild.remove();
  rows.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
}"""
STRIPE = """(figure, [row, rows, colors]) => {
  const apart = (color, at) => Math.hypot(...color.split(" ").map((part, channel) => part - data[at + channel]));
  const nearest = (at) => colors.reduce((best, color) => (apart(color, at) < apart(best, at) ? color : best));
  const [canvas, over, wrap] = ["canvas", ".u-over", ".u-wrap"].map((selector) => figure.querySelector(selector));
  const scale = canvas.width / wrap.clientWidth, slot = over.clientWidth / rows, side = 8;
  const left = Math.round((over.offsetLeft + (row + 0.5) * slot - side / 2) * scale);
  const [top, height] = [over.offsetTop, over.clientHeight].map((length) => Math.round(length * scale));
  const { data, width } = canvas.getContext("2d").getImageData(left, top, side * scale, height);
  const heights = Object.fromEntries(colors.map((color) => [color, 0]));
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255) heights[nearest(at)] += 1 / width / scale;
  return heights;
}"""
TOKENS = """(figure) => {
  const probe = figure.querySelector(".plot");
  const context = document.createElement("canvas").getContext("2d");
  return ["--tint-1", "--series-1", "--raised", "--edge"].map((token) => {
    probe.style.color = `var(${token})`;
    context.fillStyle = getComputedStyle(probe).color;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data.slice(0, 3).join(" ");
  });
}"""


@pytest.fixture
def chart(tab, founder, community):
    """The chart of a community's visitors by hour, with ROWS."""
    tab.route("**/reports", lambda route: [route.continue_, route.abort][route.request.resource_type == "fetch"]())
    tab.set_viewport_size({"width": 1440, "height": 900})
    figure = visit_as(tab, founder, f"/communities/{community}/reports").locator("#by-hour")
    expect(figure.locator("canvas")).to_be_visible()
    figure.locator("tbody").evaluate(FILL, ROWS)
    return figure


def bar(chart, row: int) -> float:
    """The height (px) of a bar's colours, averaged across its middle. It has a tint below its strong top."""
    colors = chart.evaluate(TOKENS)
    heights = chart.evaluate(STRIPE, [row, len(ROWS), colors])
    return heights[colors[0]] + heights[colors[1]]


def test_tooltip_follows_the_arrow_keys_and_is_announced(chart):
    plot, tip = chart.get_by_role("slider"), chart.locator(".tip")
    expect(plot).to_have_attribute("aria-valuetext", "16 Dec, 14:00 not over yet: Together 60")
    expect(tip).to_be_hidden()
    chart.locator("summary").focus()
    chart.page.keyboard.press("Shift+Tab")
    expect(tip).to_contain_text("16 Dec, 14:00 not over yet")
    for key, spoken in (("ArrowLeft", "16 Dec, 13:00"), ("Home", "16 Dec, 9:00"), ("ArrowRight", "16 Dec, 10:00")):
        chart.page.keyboard.press(key)
        expect(tip.locator("strong")).to_have_text(spoken)
    expect(tip.locator("span")).to_have_text(["Together90"])
    expect(plot).to_have_attribute("aria-valuetext", "16 Dec, 10:00: Together 90")
    chart.page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
