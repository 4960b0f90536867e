"""Charts that people view, point at and have read aloud: bars, and a hatched current period."""

import pytest
from pages import expect, visit_as

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


@pytest.fixture
def chart(page, founder, community):
    """The chart of a community's visitors by hour, with ROWS."""
    page.route("**/reports", lambda route: [route.continue_, route.abort][route.request.resource_type == "fetch"]())
    page.set_viewport_size({"width": 1440, "height": 900})
    figure = visit_as(page, founder, f"/communities/{community}/reports").locator("#by-hour")
    expect(figure.locator("canvas")).to_be_visible()
    figure.locator("tbody").evaluate(FILL, ROWS)
    return figure


def test_the_tooltip_of_a_chart_follows_the_arrow_keys_and_is_announced(chart):
    plot, tip = chart.get_by_role("slider"), chart.locator(".tip")
    expect(plot).to_have_attribute("aria-valuetext", "16 Dec, 14:00 not over yet: Together 60")
    expect(tip).to_be_hidden()
    chart.locator("summary").focus()
    chart.page.keyboard.press("Tab")
    expect(tip).to_contain_text("16 Dec, 14:00 not over yet")
    for key, spoken in (("ArrowLeft", "16 Dec, 13:00"), ("Home", "16 Dec, 9:00"), ("ArrowRight", "16 Dec, 10:00")):
        chart.page.keyboard.press(key)
        expect(tip.locator("strong")).to_have_text(spoken)
    expect(tip.locator("span")).to_have_text(["Together90"])
    expect(plot).to_have_attribute("aria-valuetext", "16 Dec, 10:00: Together 90")
    chart.page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_the_menu_of_a_chart_shows_and_hides_its_table(chart):
    for is_shown in (False, True, False):
        expect(chart.get_by_role("table")).to_be_visible(visible=is_shown)
        chart.locator("summary").click()
        chart.get_by_role("button", name="Table", expanded=is_shown).click()
