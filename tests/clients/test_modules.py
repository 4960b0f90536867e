"""The client module under Node, with a window, sockets, requests and a clock that tests control (modules/page.mjs)."""

import subprocess
from pathlib import Path

from support.programs.installed import program

FOLDER = Path(__file__).with_name("modules")
LIMIT_S = 60


def run_module(name: str) -> None:
    command = [program("node", "`make assets` brings it"), FOLDER / f"{name}.test.mjs"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_socket_shows_the_newest_values_and_comes_back():
    run_module("connection")


def test_a_page_reports_its_visibility_and_the_first_input_of_its_visit():
    run_module("evidence")


def test_a_client_can_turn_counting_on_later():
    run_module("late")


def test_all_listeners_of_page_numbers_share_one_subscription():
    run_module("pages")


def test_the_entries_of_a_queue_wait_and_are_sent_once_in_order():
    run_module("queue")


def test_a_response_of_another_program_in_the_servers_place_loses_no_visit_event_or_number():
    run_module("instead")


def test_a_client_stops_and_starts_again():
    run_module("restart")


def test_a_client_on_a_server_does_nothing():
    run_module("server")


def test_a_page_without_storage_is_one_visit():
    run_module("storage")


def test_a_stream_replaces_a_blocked_socket():
    run_module("stream")


def test_page_views_are_counted_once_and_by_default():
    run_module("views")


def test_a_visit_is_stored_and_sent_once_in_a_session():
    run_module("visit")
