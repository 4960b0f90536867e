"""Draws the parts of the pictures that show a visit's number: `python tools/assets/visit_card.py`.

Chromium draws the still parts, and each digit and each month by itself, as shades of grey. `counting/visit_picture.py`
puts them together, so that the server needs no font and no library to draw. Run it when the look is to change; the
result is in git.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path

from babel.dates import get_month_names
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FONTS = ROOT / "node_modules/@fontsource/noto-sans-bengali/files"
TARGET = ROOT / "koyjabo/counting/visit_picture_parts.bin"
LATIN, BENGALI = "0123456789,", "০১২৩৪৫৬৭৮৯"
SIZES = {"large": (160, [*LATIN]), "medium": (72, [*LATIN, *BENGALI])}
SMALL = 40
MONTHS = [*get_month_names("abbreviated", locale="en").values(), *get_month_names("wide", locale="bn").values()]

PAGE = """<!doctype html><meta charset="utf-8"><style>
@font-face {{ font-family: card; src: url(data:font/woff2;base64,{latin}); unicode-range: U+0-97F, U+A00-2FFF }}
@font-face {{ font-family: card; src: url(data:font/woff2;base64,{bengali}); unicode-range: U+980-9FF, U+200C-200D }}
* {{ margin: 0 }}
body {{ width: 1200px; height: 630px; background: #000; color: #fff; font: 700 40px/1.5 card; position: relative }}
p {{ position: absolute; left: 90px; white-space: pre }}
span {{ display: inline-block; white-space: pre; line-height: 1.4; font-variant-numeric: tabular-nums }}
</style>{body}"""
STILL = """
<p style="top:52px"><svg width="72" height="72" viewBox="0 0 32 32" fill="#fff"><path
  d="M16 1a15 15 0 1 0 0 30 15 15 0 1 0 0-30zm0 9a6 6 0 1 1 0 12 6 6 0 1 1 0-12z"/></svg></p>
<p style="top:54px;left:186px;font-size:46px">Koy Jabo   কই যাবো</p>
<p style="top:146px;color:#ccc">Visit no.</p>
<p style="top:428px;font-size:72px;line-height:1.4;color:#ccc" id="bengali">ভিজিট নং </p>
"""


def main() -> None:
    font = {name: _base64(FONTS / f"noto-sans-bengali-{name}-700-normal.woff2") for name in ("latin", "bengali")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        page = browser.new_page(viewport={"width": 1200, "height": 630})
        page.set_content(PAGE.format(body=STILL, **font))
        page.evaluate("document.fonts.ready")
        width = page.evaluate("Math.ceil(document.querySelector('#bengali').getBoundingClientRect().right)")
        still = _grey(page.screenshot())
        parts = {"still": (still.width, still.height, still.tobytes())}
        for size, (pixels, texts) in {**SIZES, "small": (SMALL, [*LATIN, *BENGALI, *MONTHS])}.items():
            for text in texts:
                parts[f"{size} {text}"] = _drawn(page, PAGE.format(body=_span(text, pixels), **font))
        browser.close()
    index = {name: (width, height) for name, (width, height, _) in parts.items()}
    head = json.dumps({"bengali_left": width, "parts": index}, ensure_ascii=False).encode()
    TARGET.write_bytes(zlib.compress(b"\n".join((head, b"".join(each for *_, each in parts.values()))), 9))


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _span(text: str, pixels: int) -> str:
    return f'<span id="part" style="font-size:{pixels}px">{text}</span>'


def _drawn(page: Page, content: str) -> tuple[int, int, bytes]:
    page.set_content(content)
    page.evaluate("document.fonts.ready")
    drawn = _grey(page.locator("#part").screenshot())
    return drawn.width, drawn.height, drawn.tobytes()


def _grey(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("L")


if __name__ == "__main__":
    main()
