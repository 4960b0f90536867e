"""Reduces an SVG to what a mark needs: shapes, groups, gradients and clip paths (specification: A look of one's own).

Every visitor's browser draws the mark, so only the elements and attributes listed here are kept. Others are refused by
name if they change the picture, and left out if not.
"""

import re
from collections.abc import Iterator
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_, Filled

SVG_NAMESPACE, XLINK_NAMESPACE = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
MAX_SVG_ELEMENTS, MAX_SVG_DEPTH = 2_000, 20

GRADIENTS = {"linearGradient", "radialGradient"}
CLIP_PATH = "clipPath"
TEXT_ELEMENTS = {"title", "desc"}
SVG_ELEMENTS = {
    *("g", "defs", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "stop"),
    *(CLIP_PATH, *GRADIENTS, *TEXT_ELEMENTS),
}
SVG_ATTRIBUTES = {
    *("id", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "fr", "d", "points", "width"),
    *("height", "viewBox", "preserveAspectRatio", "transform", "gradientUnits", "gradientTransform", "spreadMethod"),
    *("offset", "clipPathUnits", "version"),
}
SVG_PROPERTIES = {
    *("fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "stroke-linecap"),
    *("stroke-linejoin", "stroke-miterlimit", "opacity", "color", "clip-path", "clip-rule", "stop-color"),
    *("stop-opacity", "display", "visibility", "paint-order", "shape-rendering", "vector-effect", "overflow"),
}
COSTLY_PROPERTIES = re.compile(r"filter|mask|marker|stroke-dasharray|on[a-z]")
"""The beginnings of attributes and properties that are refused, unless they have one of NO_EFFECT."""

NO_EFFECT = {"", "none", "0", "initial"}
REFERENCE = re.compile(r"""(?<![\w-])url\(\s*["']?#([^"'()\s]+)["']?\s*\)""")
FUNCTION = re.compile(r"(?<![^\s(),])[^\s(),]*\(")
SVG_FUNCTIONS = {"rgb(", "rgba(", "hsl(", "hsla(", "hwb(", "lab(", "lch(", "oklab(", "oklch(", "color(", "var("}
"""The functions that a property may have besides a REFERENCE. Others, such as `image-set(`, can load another file."""

WRONG_PICTURE = N_("This is not an SVG or PNG file. Choose one of these.")
UNUSABLE_PART = N_(
    "An SVG has only shapes, gradients and clip paths here. This one has %(part)s: export it without, or as PNG."
)
COMPLEX_PICTURE = N_("An SVG has at most 2,000 elements here, nested 20 deep. Simplify it, or export it as PNG.")


def drawing_of(content: bytes) -> bytes:
    """The parts of an SVG that are kept. Idempotent. Raises InvalidInput for `mark`."""
    drawing = Drawing()
    try:
        drawing.read(content)
    except (expat.ExpatError, LookupError, ValueError):  # also an unknown or unsupported encoding
        raise refusal(WRONG_PICTURE) from None
    return drawing.text().encode()


def refusal(why: str) -> InvalidInput:
    return InvalidInput(details={"mark": why})


class Drawing:
    """Writes what is kept while expat reads the file, so that no entity is ever expanded."""

    def __init__(self) -> None:
        self._written: list[str] = []
        self._open: list[str] = []  # names of the elements around
        self._left_out = 0  # number of elements around that are left out
        self._count = 0
        self._targets: dict[str, str] = {}  # names of gradients and clip paths, by id
        self._references: set[tuple[str, str]] = set()  # ids, each with the property that refers to it

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._add_text
        parser.ProcessingInstructionHandler = lambda name, _: self._refuse_unless_left_out(f"<?{name}?>")
        parser.StartDoctypeDeclHandler = lambda *_: self._refuse_unless_left_out("DOCTYPE")
        parser.Parse(content, True)
        for name, used_by in self._references:
            if name not in self._targets or (self._targets[name] == CLIP_PATH) != (used_by == "clip-path"):
                self._refuse(f"#{name}")

    def text(self) -> str:
        return "".join(self._written)

    def _refuse(self, part: str) -> None:
        raise refusal(Filled(UNUSABLE_PART, part=part[:40]))

    def _refuse_unless_left_out(self, part: str) -> None:
        if not self._left_out:
            self._refuse(part)

    def _start(self, full_name: str, attributes: dict[str, str]) -> None:
        namespace, _, name = full_name.rpartition(" ")
        if not self._open and (namespace, name) != (SVG_NAMESPACE, "svg"):
            raise ValueError
        if self._left_out or namespace != SVG_NAMESPACE or name == "metadata":
            self._left_out += 1
            return
        if self._open and name not in SVG_ELEMENTS:
            self._refuse(f"<{name}>")
        self._open.append(name)
        self._count += 1
        if self._count > MAX_SVG_ELEMENTS or len(self._open) > MAX_SVG_DEPTH:
            raise refusal(COMPLEX_PICTURE)
        kept = [("xmlns", SVG_NAMESPACE), ("xmlns:xlink", XLINK_NAMESPACE)] if name == "svg" else []
        kept += self._attributes(name, attributes)
        self._written.append(f"<{name}{''.join(f' {key}={quoteattr(value)}' for key, value in kept)}>")

    def _end(self, _: str) -> None:
        if self._left_out:
            self._left_out -= 1
            return
        name, last = self._open.pop(), self._written[-1]
        if last.startswith("</") or last.endswith("/>") or not last.startswith("<"):
            self._written.append(f"</{name}>")
        else:
            self._written[-1] = f"{last[:-1]}/>"

    def _add_text(self, text: str) -> None:
        if not self._left_out and self._open[-1] in TEXT_ELEMENTS:
            self._written.append(escape(text, {"\r": "&#13;"}))  # parsers read a bare one as "\n"

    def _attributes(self, element: str, attributes: dict[str, str]) -> Iterator[tuple[str, str]]:
        """The attributes that are kept, in the same order."""
        for name, value in attributes.items():
            if name in ("href", f"{XLINK_NAMESPACE} href"):
                if element in GRADIENTS:  # it has no effect elsewhere
                    if not value.startswith("#"):
                        self._refuse("href")
                    self._references.add((value[1:], "href"))
                    yield "xlink:href", value
            elif name == "style":
                declarations = (part.partition(":")[::2] for part in value.split(";"))
                kept = [(key.strip(), text.strip()) for key, text in declarations if self._keeps(key.strip(), text)]
                yield name, ";".join(map(":".join, kept))
            elif name in SVG_ATTRIBUTES or self._keeps(name, value):
                yield name, value
            if name == "id" and element in GRADIENTS | {CLIP_PATH}:
                self._targets[value] = element

    def _keeps(self, name: str, value: str) -> bool:
        """Whether to keep a property."""
        if COSTLY_PROPERTIES.match(name.lower()) and value.strip().lower() not in NO_EFFECT:
            self._refuse(name)
        if name not in SVG_PROPERTIES or "\\" in value:
            return False
        for function in FUNCTION.findall(REFERENCE.sub(" ", value)):
            if function.lower() not in SVG_FUNCTIONS:
                self._refuse(function)
        names = REFERENCE.findall(value)
        if names and CLIP_PATH in self._open:
            if name == "clip-path":
                self._refuse(f"clip-path in <{CLIP_PATH}>")
            return False  # colours have no effect there
        self._references |= {(reference, name) for reference in names}
        return True
