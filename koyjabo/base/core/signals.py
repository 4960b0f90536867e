"""Signals that publish events within an application. A feature connects its handlers when it is registered."""

from dataclasses import dataclass, field

from blinker import Signal


@dataclass(frozen=True, slots=True)
class Signals:
    """Publishes events between features. A publisher gets a signal's `send` as a constructor argument, and passes the
    event's subject as the sender. Receivers are called before `send` returns, in no particular order.

    Sending to one receiver takes 3.7 µs, a plain call 0.1 µs, so per-visit events are plain calls (`counting.visits`).
    """

    active_changed: Signal = field(default_factory=Signal)
    """Other workers have changed a scope's active visitors. Subject: the scope."""

    online_changed: Signal = field(default_factory=Signal)
    """The count of online members may have changed. Subject: the scope."""

    access_revoked: Signal = field(default_factory=Signal)
    """This worker has revoked a permission. Subject: the id of the session, user or community."""

    visitor_forgotten: Signal = field(default_factory=Signal)
    """This worker has erased a visitor. Subject: the visitor_id; `scopes` are the scopes of their visits."""

    visitor_converted: Signal = field(default_factory=Signal)
    """An anonymous visitor was identified as a user. Subject: the `VisitorConversion`."""

    visitor_identified: Signal = field(default_factory=Signal)
    """A user has signed up, logged in or joined a community in a browser. Subject: the user's id; `visitor_id` is the
    browser's id, `environ` the request's WSGI environment.
    """

    value_received: Signal = field(default_factory=Signal)
    """Another worker has published a value. Subject: the room's name; `state` is JSON."""

    message_received: Signal = field(default_factory=Signal)
    """Another worker has sent a message to all workers (`base.cluster.bus`). Subject: the message's subject; `message`
    is JSON.
    """

    room_heard: Signal = field(default_factory=Signal)
    """This worker now receives a room's messages from other workers. Subject: the name of the room."""

    members_attended: Signal = field(default_factory=Signal)
    """Members were present in a community. Subject: its id; `users` has their ids, `at_ms` is the time."""

    language_chosen: Signal = field(default_factory=Signal)
    """A user has chosen the language of the pages. Subject: the account; `language` is its code."""

    settings_changed: Signal = field(default_factory=Signal)
    """Settings that an admin has stored now apply on this worker. No subject. Receivers are called in any order, and
    again after an error.
    """

    marks_requested: Signal = field(default_factory=Signal)
    """This worker requests the high-water marks of all other workers. Subject: the request's id."""

    epoch_began: Signal = field(default_factory=Signal)
    """The site's counter has begun a new epoch, so cached rows may no longer exist. No subject."""

    redis_returned: Signal = field(default_factory=Signal)
    """Redis responds again after an outage. No subject."""
