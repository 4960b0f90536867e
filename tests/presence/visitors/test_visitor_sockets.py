"""Which open socket is whose, with a clock that tests set."""

from __future__ import annotations

import pytest
from support.visitor_socket_world import DHAKA, OTHER_ADDRESS, OTHER_BROWSER, SYLHET, WINDOW_S, World

from koyjabo.errors import InvalidMessage
from koyjabo.models import SITE


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("says", ["by its URL", "by a message"])
def test_socket_that_says_whose_it_is_keeps_them_active(world, says):
    world.register("ayesha", OTHER_ADDRESS)
    world.open("socket", visitor="ayesha" if says == "by its URL" else None)
    if says == "by a message":
        world.sockets.named("socket", "ayesha", registered=True)
    world.pass_(10 * WINDOW_S)
    assert world.active == {"ayesha"}
    world.close("socket")
    world.pass_(WINDOW_S - 1, every=WINDOW_S - 1)
    assert world.active == {"ayesha"}
    world.pass_(1, every=1)
    assert world.active == set()


@pytest.mark.parametrize("first", ["visit", "socket"])
def test_socket_that_does_not_say_is_paired_with_a_visit_of_the_same_browser_and_address_only(world, first):
    if first == "visit":
        world.register("ayesha")
    for socket, opened_by in ((1, OTHER_BROWSER), (2, OTHER_ADDRESS)):
        world.open(socket, opened_by)
    if first == "socket":
        world.register("ayesha")
    world.pass_(WINDOW_S)
    assert world.active == set()
    if first == "visit":
        world.register("ayesha")
    world.open("socket")
    if first == "socket":
        world.register("ayesha")
    world.pass_(3 * WINDOW_S)
    assert world.active == {"ayesha"}


def test_visit_is_paired_only_within_the_window(world):
    world.register("ayesha")
    world.time.pass_(seconds=WINDOW_S)
    world.open("socket")
    world.pass_(WINDOW_S)
    assert world.active == set()


def test_place_of_the_visit_is_kept(world):
    world.register("ayesha", place=SYLHET)
    world.open("socket", place=DHAKA)
    world.pass_(2 * WINDOW_S)
    assert world.visitors.count(SITE).places == {SYLHET: 1}


def test_visit_takes_one_socket_and_leaves_the_other_for_the_next_visit(world):
    world.open("older")
    world.open("newer")
    world.register("ayesha")
    world.register("karim")
    world.close("newer")
    world.pass_(WINDOW_S)
    assert world.active == {"karim"}, "the newest socket belongs to the first visit after it"


def test_socket_takes_one_visit_and_leaves_the_other_for_the_next_socket(world):
    world.register("ayesha")
    world.register("karim")
    for socket in ("first", "second", "third"):
        world.open(socket)
    world.pass_(2 * WINDOW_S)
    assert world.active == {"ayesha", "karim"}
    world.close("first")
    world.pass_(WINDOW_S)
    assert world.active == {"ayesha"}, "the newest visit belongs to the first socket after it"


def test_second_visit_of_somebody_with_a_socket_takes_no_other(world):
    world.register("ayesha")
    world.open("hers")
    world.open("waiting")
    world.register("ayesha")
    world.register("karim")
    world.close("hers")
    world.pass_(WINDOW_S)
    assert world.active == {"karim"}


def test_last_of_several_sockets_holds(world):
    world.register("ayesha")
    for number in range(3):
        world.open(number, visitor="ayesha")
    world.close(0, 1)
    world.pass_(2 * WINDOW_S)
    assert world.active == {"ayesha"}
    world.close(2)
    world.pass_(WINDOW_S)
    assert world.active == set()


def test_page_that_reloads_without_saying_who_it_is_is_the_same_visitor(world):
    world.register("ayesha")
    world.open("before")
    world.pass_(2 * WINDOW_S)
    world.close("before")
    world.open("after")
    world.pass_(2 * WINDOW_S)
    assert world.active == {"ayesha"}


def test_visitor_who_never_registered_is_never_active_and_not_paired_with_the_next_socket(world):
    world.open("socket", visitor="nobody")
    world.pass_(WINDOW_S)
    assert world.active == set()
    world.close("socket")
    world.open("another")
    assert world.active == set()


def test_visitor_who_registers_after_saying_who_they_are_is_active_while_the_page_is_open(world):
    world.open("socket", visitor="ayesha")
    world.register("ayesha", OTHER_BROWSER)
    world.pass_(3 * WINDOW_S)
    assert world.active == {"ayesha"}


def test_name_replaces_a_guess_and_gives_the_guessed_visit_to_the_next_socket(world):
    world.register("ayesha", OTHER_ADDRESS)
    world.register("karim")
    world.open("hers")
    assert world.sockets.visitor_of("hers") == "karim"
    world.sockets.named("hers", "ayesha", registered=True)
    assert world.sockets.visitor_of("hers") == "ayesha"
    world.open("his")
    assert world.sockets.visitor_of("his") == "karim"


def test_socket_names_its_visitor_once_and_none_after_it_has_closed(world):
    empty = world.remembered
    world.open("by its URL", visitor="ayesha")
    world.open("by a message")
    world.sockets.named("by a message", "ayesha", registered=False)
    for socket in ("by its URL", "by a message"):
        with pytest.raises(InvalidMessage):
            world.sockets.named(socket, "karim", registered=False)
    assert world.sockets.visitor_of("by a message") == "ayesha"
    world.close("by its URL", "by a message")
    world.sockets.named("by a message", "ayesha", registered=False)
    world.pass_(WINDOW_S)
    assert world.remembered == empty
