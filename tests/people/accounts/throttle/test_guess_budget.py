"""Strangers who guess a password never lock its owner out, and get fewer than 1,500 guesses a day."""

from bisect import bisect_left
from collections.abc import Callable

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from support.runs.fuzz_effort import effort

from koyjabo.base.network.client_address import Level, levels
from koyjabo.people.accounts.throttle import guess_budget
from koyjabo.people.accounts.throttle.guess_budget import MARK_KEPT_MS, MAX_NETWORKS, GuessState
from koyjabo.people.accounts.throttle.login_throttle import FAMILIAR_GUESS, GUESS_PLANS, LOGIN_GUESS, PASSWORD_GUESS

MINUTE_MS = 60_000
MAX_A_DAY = {LOGIN_GUESS: 1340, FAMILIAR_GUESS: 58, PASSWORD_GUESS: 98}
OWNER = levels("owner")
STRANGERS = [levels(f"stranger {number}") for number in range(60)]

Networks = tuple[Level, ...]
STORED_EVERY = 50
MIDNIGHT_MS = 20_000 * MARK_KEPT_MS


class Account:
    """One account with its own clock and the times of all guesses. Its state is stored only sometimes."""

    def __init__(self, purpose: str = LOGIN_GUESS) -> None:
        self.purpose, self.plan = purpose, GUESS_PLANS[purpose]
        self.now_ms = MIDNIGHT_MS
        self.state = GuessState(self.plan)
        self.attempts = 0
        self.guesses: list[int] = []

    def reload(self) -> None:
        self.state = guess_budget.load(self.state.failures, self.state.dump(), self.plan, self.now_ms)

    def guess(self, networks: Networks) -> int:
        """Make a guess. Returns 0, or how long (ms) the client must wait, rounded up to whole seconds."""
        networks = self.keys(networks)
        self.attempts += 1
        if self.attempts % STORED_EVERY == 0:
            self.reload()
        wait_ms = self.decide(networks)
        if wait_ms == 0:
            self.guesses.append(self.now_ms)
            assert self.of_last_day() <= MAX_A_DAY[self.purpose]
        return -(-wait_ms // 1000) * 1000

    def decide(self, networks: Networks) -> int:
        """Decide about a guess. A refusal that needs no record only reads the state."""
        return self.state.refusal_ms(networks, self.now_ms) or self.state.admit(networks, self.now_ms)[0]

    def keys(self, networks: Networks) -> Networks:
        """Return the networks' keys, which change every day."""
        return tuple(Level(f"{self.now_ms // MARK_KEPT_MS} {network}", times) for network, times in networks)

    def of_last_day(self) -> int:
        return len(self.guesses) - bisect_left(self.guesses, self.now_ms - MARK_KEPT_MS + 1)

    def log_in(self, networks: Networks) -> int:
        """Log in with the right password on an unfamiliar browser. Returns the same as `guess`."""
        networks = self.keys(networks)
        self.reload()
        wait_ms = self.decide(networks)
        if wait_ms == 0:
            self.state.succeed(networks)
        return wait_ms

    def log_in_on_a_familiar_browser(self) -> None:
        self.reload()
        self.state.forgive()

    def wait_of_owner(self, others: Callable[[], object]) -> int:
        """How long (ms) it takes the owner to log in, trying every 5 s, while others act before each attempt."""
        began_ms = self.now_ms
        others()
        while self.log_in(OWNER):
            self.now_ms += 5_000
            others()
            assert self.now_ms - began_ms < MARK_KEPT_MS
        return self.now_ms - began_ms


@pytest.mark.parametrize("purpose", [FAMILIAR_GUESS, PASSWORD_GUESS])
def test_guesses_with_a_stolen_cookie_or_a_stolen_session_are_limited_per_day(purpose):
    account = Account(purpose)
    for _ in range(2 * 1440):
        for stranger in STRANGERS[:3]:
            account.guess(stranger)
        account.now_ms += MINUTE_MS
    assert account.of_last_day() == pytest.approx(MAX_A_DAY[purpose] - GUESS_PLANS[purpose].most, abs=1)
    assert sum(MAX_A_DAY.values()) < 1500, "all purposes together"


def test_the_state_of_an_account_stays_small_when_20000_networks_guess():
    account = Account()
    for number in range(20_000):
        account.guess((Level(f"stranger {number}", 1),))
        account.now_ms += 1_700
    assert len(account.state.marks) <= MAX_NETWORKS
    assert len(account.state.dump()) < 16_000


def test_networks_with_failed_logins_share_50_guesses_and_then_one_a_minute():
    account = Account()
    assert [account.guess(STRANGERS[number % 6]) for number in range(50)] == [0] * 50
    assert account.guess(STRANGERS[0]) == MINUTE_MS
    before = len(account.guesses)
    for _ in range(120):
        account.now_ms += 30_000
        for stranger in STRANGERS[:6]:
            account.guess(stranger)
    assert len(account.guesses) - before == 60
    account.now_ms += 50 * MINUTE_MS
    assert [account.guess(STRANGERS[0]) for _ in range(51)] == [0] * 50 + [MINUTE_MS]


def test_a_clock_that_is_set_back_locks_out_no_owner():
    account = Account()
    for _ in range(1000):
        account.guess(STRANGERS[0])
        account.now_ms += MINUTE_MS
    account.now_ms -= 30 * MARK_KEPT_MS
    assert account.wait_of_owner(lambda: [account.guess(stranger) for stranger in STRANGERS]) == 0


class Strangers(RuleBasedStateMachine):
    """60 networks, and an owner on another network who never mistypes."""

    @initialize()
    def begin(self) -> None:
        self.account = Account()

    @rule(seconds=st.sampled_from([1, 4, 9, 10, 11, 50, 59, 60, 61, 79, 80, 81, 600, 3600, 86_399, 86_400]))
    def wait(self, seconds: int) -> None:
        self.account.now_ms += seconds * 1000

    @rule(stranger=st.sampled_from(STRANGERS), times=st.sampled_from([1, 2, 10, 60]))
    def guess(self, stranger: Networks, times: int) -> None:
        for _ in range(times):
            self.account.guess(stranger)

    @rule(first=st.integers(0, 59), step=st.sampled_from([1, 2, 7]))
    def all_guess(self, first: int, step: int) -> None:
        for stranger in STRANGERS[first::step]:
            self.account.guess(stranger)

    @rule(minutes=st.sampled_from([10, 60, 600]), count=st.sampled_from([1, 6, 60]))
    def guess_on_time(self, minutes: int, count: int) -> None:
        for _ in range(minutes):
            for stranger in STRANGERS[:count]:
                self.account.guess(stranger)
            self.account.now_ms += MINUTE_MS

    @rule()
    def owner_logs_in_on_a_familiar_browser(self) -> None:
        self.account.log_in_on_a_familiar_browser()

    @rule()
    def owner_logs_in_on_a_new_browser(self) -> None:
        def others() -> None:
            for stranger in STRANGERS:
                self.account.guess(stranger)

        assert self.account.wait_of_owner(others) <= 2 * MINUTE_MS

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.account.state.marks) <= MAX_NETWORKS


def test_strangers_neither_lock_out_the_owner_nor_exceed_the_budget():
    """The state machine's rules assert the number of guesses after every guess."""
    run_state_machine_as_test(Strangers, settings=settings(effort(16), stateful_step_count=30))
