"""What happens in one application and several parts of it react to; `subscriptions` says which."""

from __future__ import annotations

from dataclasses import dataclass, field

from blinker import Signal


@dataclass(frozen=True, slots=True)
class Signals:
    """Each is sent with its subject as the sender: publishers get the signal's `send` as a constructor argument.

    Receivers are called before `send` returns, in no particular order. A signal with one receiver takes 3.7 µs and a
    plain call 0.1, so what happens with every visit is a plain call (`counting.visits`).
    """

    active_changed: Signal = field(default_factory=Signal)
    """Other workers have changed who is active in a scope. Subject: the scope."""

    online_changed: Signal = field(default_factory=Signal)
    """The count of online members may have changed. Subject: the scope."""

    access_revoked: Signal = field(default_factory=Signal)
    """This worker has revoked a permission. Subject: the id of the session, user or community."""

    visitor_forgotten: Signal = field(default_factory=Signal)
    """This worker has erased a visitor. Subject: the visitor_id; `scopes` are where they had been."""

    visitor_converted: Signal = field(default_factory=Signal)
    """An anonymous visitor turned out to be a user. Subject: the `Conversion`."""

    value_received: Signal = field(default_factory=Signal)
    """Another worker has published a value. Subject: the name of the room; `state` is JSON."""
