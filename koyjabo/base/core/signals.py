"""Signals that publish events within an application. A feature connects its handlers when it is registered."""

from blinker import Signal


class Signals:
    """Publishes events between features. A publisher gets a signal's `send` as a constructor argument, and passes the
    event's subject as the sender. Receivers are called before `send` returns, in no particular order.

    Sending to one receiver takes 3.7 µs, a plain call 0.1 µs, so per-visit events are plain calls (`counting.visits`).
    """

    active_changed: Signal
    """Other workers have changed a scope's active visitors. Subject: the scope."""

    online_changed: Signal
    """The count of online members may have changed. Subject: the scope."""

    access_revoked: Signal
    """This worker has revoked a permission. Subject: the id of the session, user or community."""

    visitor_forgotten: Signal
    """This worker has erased a visitor. Subject: the visitor_id; `scopes` are the scopes of their visits."""

    visitor_converted: Signal
    """An anonymous visitor was identified as a user. Subject: the `VisitorConversion`."""

    visitor_identified: Signal
    """A user has signed up, logged in or joined a community in a browser. Subject: the user's id; `visitor_id` is the
    browser's id, `environ` the request's WSGI environment.
    """

    value_received: Signal
    """Another worker has published a value. Subject: the room's name; `state` is JSON."""

    message_received: Signal
    """Another worker has sent a message to all workers (`base.cluster.bus`). Subject: the message's subject; `message`
    is JSON.
    """

    room_heard: Signal
    """This worker now receives a room's messages from other workers. Subject: the name of the room."""

    members_attended: Signal
    """Members were present in a community. Subject: its id; `users` has their ids, `at_ms` is the time."""

    language_chosen: Signal
    """A user has chosen the language of the pages. Subject: the account; `language` is its code."""

    settings_changed: Signal
    """Settings that an admin has stored now apply on this worker. No subject. Receivers are called in any order, and
    again after an error.
    """

    marks_requested: Signal
    """This worker requests the high-water marks of all other workers. Subject: the request's id."""

    epoch_began: Signal
    """The site's counter has begun a new epoch, so cached rows may no longer exist. No subject."""

    redis_returned: Signal
    """Redis responds again after an outage. No subject."""

    def __init__(self) -> None:
        for name in Signals.__annotations__:
            setattr(self, name, Signal())
