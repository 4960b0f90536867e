"""Finds text on a Bangla page that is not Bangla: English words, and digits of another script."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

SPOKEN = {"aria-label", "title", "placeholder", "alt", "data-label", "label", "aria-valuetext"}
"""Attributes that people read or screen readers speak."""
DESCRIPTIONS = {"description", "og:title", "og:description", "og:site_name"}
VOID = {"br", "hr", "img", "input", "link", "meta", "wbr", "col", "source", "area", "base", "embed", "track"}
UNREAD = {"script", "style", "code", "kbd", "samp"}

BENGALI = re.compile(r"[\u0980-\u09ff]")
ENGLISH = re.compile(r"[A-Za-z]{2,}")
IDENTIFIER = re.compile(r"\S*[@/]\S*|\b\w+_\w+\b|\b[\w-]+(?:\.[\w-]+)*\.[A-Za-z]\w+\b|\b\w+(?:\.\w+){2,}\b")
"""Emails, addresses, paths, setting names, visitorIds, hosts and versions are the same in every language."""
BROWSERS = ("Edge", "Opera", "Samsung Internet", "UC Browser", "Facebook", "Firefox", "Chrome", "Safari", "curl")
SYSTEMS = ("Android", "iOS", "Windows", "ChromeOS", "macOS", "Linux", "Ubuntu")
PRODUCTS = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in (*BROWSERS, *SYSTEMS, "Redis")))
UNGROUPED = re.compile(r"(?<![০-৯])(?!০)(?!(?:১৯|২০)[০-৯]{2}(?![০-৯]))[০-৯]{4,}")


class Reader(HTMLParser):
    """Collects the text of a page, except what is marked as English or as untranslatable."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []  # open elements, and whether their text is collected
        self._is_data = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        is_marked = values.get("translate") == "no" or values.get("lang", "bn") != "bn" or tag in UNREAD
        is_read = not is_marked and (not self._open or self._open[-1][1])
        self._is_data = tag == "script" and values.get("id") == "phrases"
        if is_read:
            self.texts += [value for name, value in values.items() if name in SPOKEN]
            if tag == "meta" and values.get("name", values.get("property")) in DESCRIPTIONS:
                self.texts.append(values["content"])
        if tag not in VOID:
            self._open.append((tag, is_read))

    def handle_endtag(self, tag: str) -> None:
        while tag in (name for name, _ in self._open):
            name, _ = self._open.pop()
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._is_data and data.strip():
            self.texts += _strings(json.loads(data))
        elif self._open and self._open[-1][1]:
            self.texts.append(" ".join(data.split()))


def foreign(page: str) -> list[str]:
    """Texts on the page that contain English words, digits that are not Bengali, or numbers without grouping."""
    reader = Reader()
    reader.feed(page)
    return sorted({text for text in reader.texts if _is_foreign(PRODUCTS.sub(" ", IDENTIFIER.sub(" ", text)))})


def _is_foreign(text: str) -> bool:
    is_english = bool(ENGLISH.search(text)) and not BENGALI.search(text)
    return is_english or bool(re.search(r"[0-9]", text)) or bool(UNGROUPED.search(text))


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    return [value] if isinstance(value, str) else []
