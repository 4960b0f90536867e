"""The pages of share links: those that manage them, and those that readers see."""

from . import community, shared_report, stream  # noqa: F401  (they add their routes)
