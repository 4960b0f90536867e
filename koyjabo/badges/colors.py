"""The colours of badges: names of shields.io or hexadecimal digits, and the ink that can be read on them."""

from __future__ import annotations

import re

NAMES = {
    "brightgreen": "44cc11",
    "green": "97ca00",
    "yellowgreen": "a4a61d",
    "yellow": "dfb317",
    "orange": "fe7d37",
    "red": "e05d44",
    "blue": "007ec6",
    "grey": "555555",
    "lightgrey": "9f9f9f",
    "gray": "555555",
    "lightgray": "9f9f9f",
    "success": "44cc11",
    "important": "fe7d37",
    "critical": "e05d44",
    "informational": "007ec6",
    "inactive": "9f9f9f",
}
HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)

ACCENT, LABEL, PROBLEM = "#006a4e", "#555555", "#c0392b"
LIGHT, DARK = "#ffffff", "#000000"


def color(text: str) -> str | None:
    """`#rrggbb`, or None for a text that is no colour."""
    if text in NAMES:
        return f"#{NAMES[text]}"
    found = HEX.fullmatch(text)
    if found is None:
        return None
    digits = found[1].lower()
    return f"#{digits}" if len(digits) == 6 else "#" + "".join(2 * digit for digit in digits)


def ink(background: str) -> str:
    """White or black: the one with the greater contrast on `background` (WCAG 2), which is 4.5 : 1 or more."""
    luminance = _luminance(background)
    return LIGHT if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else DARK


def _luminance(color: str) -> float:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
