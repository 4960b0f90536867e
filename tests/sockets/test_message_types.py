"""A message of an unknown type is refused with the types that the client may send."""

from unittest.mock import Mock

from koyjabo.site.page_numbers.watched_pages import WatchedPages
from koyjabo.sockets.messages import unknown
from koyjabo.sockets.site_stream import StatsStream
from koyjabo.sockets.socketio_handlers import message_handlers


def test_a_refused_message_type_names_the_types_that_the_handlers_know():
    types = StatsStream(Mock()).message_types
    assert types == ["ping", "request_count", "visitor", "visible", WatchedPages.type]
    assert set(message_handlers()) == {"ping", "request_count", "join", "leave", "visible", WatchedPages.type}
    sentence = str(unknown("hello", types))
    assert sentence.endswith("the types are ping, request_count, visitor, visible, pages.")
