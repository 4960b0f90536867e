"""Changing numbers are readable under load, and fit at any length."""

from pages import MOVES, freeze, live, visit, wait_for

BEGIN = """
async () => {
  const { Figures } = await import("/static/webkit/figures.js");
  const own = document.querySelector("[data-stat=uniqueVisitors]"), shown = own.cloneNode(true);
  own.replaceWith(shown);  // the page goes on writing into its own element
  shown.dataset.stat = "test";
  shown.dataset.value = shown.textContent = "1000";
  const figures = new Figures();
  window.show = (number) => { figures.show({ test: number }); };
  window.shown = shown;
  window.rolls = 0;
  const isRolling = ({ addedNodes }) => [...addedNodes].some(({ className }) => className?.startsWith("rolling"));
  new MutationObserver((all) => { rolls += all.filter(isRolling).length; }).observe(shown, { childList: true });
}
"""
DRAWN = """
async () => {
  show(1001);
  const box = shown.querySelector(".rolling"), [roll] = box.getAnimations({ subtree: true });
  roll.pause();
  roll.currentTime = 100;
  const { transform } = getComputedStyle(roll.effect.target), isStill = !box.getAnimations().length;
  roll.cancel();
  const { clipPath, fontSize } = getComputedStyle(box);
  return [isStill && box.clientHeight <= parseFloat(fontSize) + 1 && clipPath, new DOMMatrix(transform).f];
}
"""
"""The clip of a digit's box, which does not change during a roll and is as high as a digit, and the distance that the
digit has moved, in px.
"""

RESTS = "[rolls, shown.querySelector('.rolling') ? 'rolling' : shown.textContent]"


def test_the_rolling_digits_pause_between_changes_and_keep_up_with_the_visits(new_device):
    frozen = new_device(**MOVES).context.new_page()  # the live home page, whose clock only the test moves
    frozen.clock.install()
    visit(frozen)
    freeze(live(frozen))
    frozen.evaluate(BEGIN)
    clip, moved = frozen.evaluate(DRAWN)
    assert clip.startswith("inset("), "no digit is drawn above or below the others, in any frame"
    assert moved > 0
    wait_for(frozen, lambda: frozen.evaluate(RESTS) == [1, "1,001"], "it has rolled")
    frozen.evaluate("show(1002)")
    frozen.clock.run_for(590)
    assert frozen.evaluate(RESTS) == [1, "1,001"]
    frozen.clock.run_for(20)
    wait_for(frozen, lambda: frozen.evaluate(RESTS) == [2, "1,002"], "it has rolled again")
    for number in range(1003, 1051):
        frozen.evaluate(f"show({number})")
        frozen.clock.run_for(100)
    wait_for(frozen, lambda: frozen.evaluate(RESTS)[1] == "1,050", "it keeps up")
    assert frozen.evaluate("rolls") <= 4
