"""Draws the parts of the pictures that show a visit's number: `python tools/assets/visit_card.py`.

Chromium draws each digit, month and caption by itself, as shades of grey without the empty rows above and below it.
`counting/visit_picture.py` puts them together, so that the server needs no font and no library to draw. Run it when the
look is to change; the result is in git.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import zlib
from pathlib import Path

from babel.dates import get_month_names
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FONTS = ROOT / "node_modules/@fontsource/noto-sans-bengali/files"
TARGET = ROOT / "koyjabo/counting/visit_picture_parts.bin"
BROWSERS = ("chromium", "chromium-headless-shell")
DIGITS = "0123456789,০১২৩৪৫৬৭৮৯"
NUMBERS = (200, 144, 104, 72, 56, 40)
SMALL = 30
MONTHS = [*get_month_names("abbreviated", locale="en").values(), *get_month_names("wide", locale="bn").values()]
LABELS = {"en": "Visit no.", "bn": "ভিজিট নং"}
CAPTIONS = {"en": "Visits per minute", "bn": "প্রতি মিনিটের ভিজিট"}
MARK = """<svg width="72" height="72" viewBox="0 0 32 32" fill="#fff"><path
  d="M16 1a15 15 0 1 0 0 30 15 15 0 1 0 0-30zm0 9a6 6 0 1 1 0 12 6 6 0 1 1 0-12z"/></svg>"""

PAGE = """<!doctype html><meta charset="utf-8"><style>
@font-face {{ font-family: card; src: url(data:font/woff2;base64,{latin}); unicode-range: U+0-97F, U+A00-2FFF }}
@font-face {{ font-family: card; src: url(data:font/woff2;base64,{bengali}); unicode-range: U+980-9FF, U+200C-200D }}
* {{ margin: 0 }}
body {{ width: 1200px; height: 630px; background: #000; color: #fff; font: 700 40px/1.5 card }}
span {{ display: inline-block; white-space: pre; line-height: 1.6; font-variant-numeric: tabular-nums }}
svg {{ display: block }}
</style>{body}"""


def drawings() -> dict[str, tuple[str, int, str]]:
    """The text, size and colour of each part, by name."""
    numbers = {f"{size} {digit}": (digit, size, "#fff") for size in NUMBERS for digit in DIGITS}
    days = {f"40 {month}": (month, 40, "#fff") for month in MONTHS}
    times = {f"{SMALL} {text}": (text, SMALL, "#ccc") for text in (*DIGITS, ":", "–", *MONTHS)}
    labels = {f"label {language}": (text, 40, "#ccc") for language, text in LABELS.items()}
    captions = {f"caption {language}": (text, SMALL, "#ccc") for language, text in CAPTIONS.items()}
    brand = {"brand en": ("Koy Jabo", 46, "#fff"), "brand bn": ("কই যাবো", 46, "#fff"), "mark": (MARK, 46, "#fff")}
    return {**numbers, **days, **times, **labels, **captions, **brand}


def main() -> None:
    font = {name: _base64(FONTS / f"noto-sans-bengali-{name}-700-normal.woff2") for name in ("latin", "bengali")}
    parts = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=next(filter(None, map(shutil.which, BROWSERS))))
        page = browser.new_page(viewport={"width": 1200, "height": 630})
        for name, (text, pixels, color) in drawings().items():
            span = f'<span id="part" style="font-size:{pixels}px;color:{color}">{text}</span>'
            parts[name] = _drawn(page, PAGE.format(body=span, **font))
        browser.close()
    index = {name: (width, height, top) for name, (width, height, top, _) in parts.items()}
    head = json.dumps(index, ensure_ascii=False).encode()
    TARGET.write_bytes(zlib.compress(b"\n".join((head, b"".join(each for *_, each in parts.values()))), 9))


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _drawn(page: Page, content: str) -> tuple[int, int, int, bytes]:
    """Width, height, how far below the line's upper edge it begins, and its shades."""
    page.set_content(content)
    page.evaluate("document.fonts.ready")
    drawn = Image.open(io.BytesIO(page.locator("#part").screenshot())).convert("L")
    _, top, _, bottom = drawn.getbbox() or (0, 0, 1, 1)
    part = drawn.crop((0, top, drawn.width, bottom))
    return part.width, part.height, top, part.tobytes()


if __name__ == "__main__":
    main()
