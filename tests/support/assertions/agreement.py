"""How far the product agrees with a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Agreement:
    """A property that the product reads from the entries of a corpus: which entries it reads as the corpus does."""

    what: str
    corpus: str
    right: int = 0
    wrong: dict[str, str] = field(default_factory=dict)  # the class of the mistake by entry

    @classmethod
    def of(cls, what: str, corpus: str, judged: Iterable[tuple[str, str]]) -> Agreement:
        """From pairs of an entry and the class of its mistake, which is "" if the product is right."""
        entries = list(judged)
        wrong = {entry: mistake for entry, mistake in entries if mistake}
        return cls(what, corpus, sum(not mistake for _, mistake in entries), wrong)

    @property
    def share(self) -> float:
        """The entries that are right, in percent."""
        return 100 * self.right / (self.right + len(self.wrong))

    def row(self) -> tuple[str, str, float, list[tuple[str, int]]]:
        return self.what, self.corpus, self.share, Counter(self.wrong.values()).most_common(3)
