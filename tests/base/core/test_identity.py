"""Ids that programs write by mistake."""

from time import process_time

from support.people.visitor_ids import SLOW_ID

from koyjabo.base.core.identity import VISITOR_ID


def test_the_time_to_read_an_id_does_not_double_with_each_joined_word():
    begun_s = process_time()
    assert VISITOR_ID.fullmatch(SLOW_ID)
    assert process_time() - begun_s < 1
