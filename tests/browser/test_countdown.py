"""A form that was refused says on its button how long to wait, and can be sent when the time is over."""

from __future__ import annotations

import pytest
from support.pages import expect

BEGIN = """
async () => {
  document.querySelector("main button.primary").dataset.countdown = "65";  // as the server writes it
  await import("/static/js/countdown.js");
}
"""


@pytest.mark.parametrize(("locale", "label", "times"), [
    pytest.param("en-GB", "Log in", ("1:05", "0:59"), marks=pytest.mark.long), ("bn-BD", "লগ ইন", ("১:০৫", "০:৫৯")),
])  # fmt: skip
def test_button_counts_down_and_is_given_back(new_device, locale, label, times):
    page = new_device(locale=locale).context.new_page()
    page.clock.install()
    page.goto("/login")
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)
    page.evaluate(BEGIN)
    button = page.locator("main button[data-countdown]")
    expect(button).to_be_disabled()
    expect(button).to_have_text(f"{label} · {times[0]}")
    page.clock.run_for(6_000)
    expect(button).to_have_text(f"{label} · {times[1]}")
    page.clock.run_for(60_000)
    expect(button).to_be_enabled()
    expect(button).to_have_text(label)
