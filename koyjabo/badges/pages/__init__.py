"""/install, which says how a site gets its numbers, and /embed, the frame that shows one."""

from __future__ import annotations

from koyjabo.badges.pages import embed, install  # noqa: F401  (they add their routes)
