"""A setting as admins see it, on the page *Server* and in the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "number", "numbers", "choice", "colour"]


@dataclass(frozen=True, slots=True)
class Setting:
    """Its texts are in English, and are translated when they are shown."""

    name: str
    row: str
    """The id of its row, whose form has a field for each of the row's settings."""

    label: str
    """Its name on the page and in the audit log."""

    kind: Kind = "text"
    """How its value is typed and shown: a text as it is, numbers in the language's digits, a choice as its word."""

    words: Mapping[str, str] = field(default_factory=dict)
    """Labels of values, in a choice and in the audit log."""

    sentences: Mapping[str, str] = field(default_factory=dict)
    """What the row shows instead of some values."""

    title: str = ""
    """The title of its row, which is the label of the row's first setting otherwise."""

    field_label: str = ""
    """The label of its field, which is `label` otherwise."""

    hint: str = ""
    example: str = ""
    max_length: int | None = None

    asks_proof: bool = True
    """Whether a change needs a proof of who uses the session. It must if the setting decides where a credential or the
    whole database goes, or who gets in.
    """

    is_private: bool = False
    """Whether viewers see a mask instead of its value."""

    feature: str = ""
    """The package that brings its row to the page; "" if the row is always there."""
