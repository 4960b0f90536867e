"""The button of a refused form shows how long to wait, and works again afterwards."""

from pages import expect, freeze

BEGIN = """
async () => {
  document.querySelector("main button.primary").dataset.countdown = "65";  // as the server writes it
  await import("/static/webkit/countdown.js");
}
"""


def test_the_button_of_a_refused_form_counts_down_and_works_again(new_device):
    page = new_device(locale="bn-BD").context.new_page()
    page.clock.install()
    page.goto("/login")
    freeze(page)
    page.evaluate(BEGIN)
    button = page.locator("main button[data-countdown]")
    expect(button).to_be_disabled()
    expect(button).to_have_text("লগইন · ১:০৫")
    page.clock.run_for(6_000)
    expect(button).to_have_text("লগইন · ০:৫৯")
    page.clock.run_for(60_000)
    expect(button).to_be_enabled()
    expect(button).to_have_text("লগইন")
