"""Backups in a bucket, with every kind of server failure."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable

import pytest
from support.servers import s3_server
from support.servers.s3_server import BUCKET, CUT, HANG, LOST, S3Server, refusal
from support.sites.backup_names import nights, others

from koyjabo.base.settings.backup_stores import s3_url
from koyjabo.upkeep.backups import bucket_store
from koyjabo.upkeep.backups.backup import store_of
from koyjabo.upkeep.backups.bucket_store import REQUEST, TRANSFER, BucketStore, CallLimits
from koyjabo.upkeep.backups.stores import BackupStoreError

LONG = CallLimits(60, 60)
SHORT = CallLimits(0.3, 1.0)
"""Limits short enough that a hanging call is repeated more than once. Slow calls are repeated as well, so a test that
counts calls uses LONG.
"""

REPEATED = CallLimits(0.3, 60)
"""Limits for calls that hang once, and then succeed, however slow the machine is."""

OLD = nights(5)
AWAY = f"could not be reached to list the backups in s3://{BUCKET}/nightly/"
ADVICE = "Check the endpoint and the network."
REFUSALS = {403: "Check AWS_ACCESS_KEY_ID", 404: r"Create it|Check the bucket, prefix and name"}


@pytest.fixture
def place(s3, monkeypatch) -> BucketStore:
    monkeypatch.setattr(bucket_store, "MIN_PART_BYTES", 64 << 10)
    s3.objects |= {f"nightly/{name}": b"old" for name in (*OLD, *others(OLD[0]))}
    return BucketStore(s3_url(s3.url("nightly")), LONG, LONG)


@pytest.fixture
def hurried(operations, s3) -> Operations:
    operations.place = BucketStore(s3_url(s3.url("nightly")), SHORT, SHORT)
    return operations


class Operations:
    """Store operations on a bucket that contains backups, and its expected contents afterwards."""

    def __init__(self, place: BucketStore, s3: S3Server, made, tmp_path) -> None:
        self.place, self._s3, self._made, self._target = place, s3, made, tmp_path / "fetched"
        self.before = dict(s3.objects)
        self.all: dict[str, Callable[[], object]] = {
            "put": self.put,
            "small": self.small,
            "fetch": self.fetch,
            "names": self.names,
            "remove": self.remove,
        }

    def put(self) -> None:
        self.place.put(self._made, "new", lambda done: None)
        assert self._s3.objects["nightly/new"] == self._made.read_bytes()

    def small(self) -> None:
        path = self._made.with_name("small")
        path.write_bytes(b"small")
        self.place.put(path, "new", lambda done: None)
        assert self._s3.objects["nightly/new"] == b"small"

    def fetch(self) -> None:
        self._s3.objects["nightly/new"] = self._made.read_bytes()
        self.place.fetch("new", self._target, lambda done: None)
        assert self._target.read_bytes() == self._made.read_bytes()

    def names(self) -> None:
        assert self.place.names() == OLD

    def remove(self) -> None:
        self._s3.objects["nightly/new"] = b"small"
        self.place.remove("new")
        assert "nightly/new" not in self._s3.objects

    def assert_nothing_half_done(self) -> None:
        """Assert that other files are untouched, and that the new one is complete or absent."""
        new = self._s3.objects.get("nightly/new", b"small")
        assert new in (b"small", self._made.read_bytes())
        assert {key: value for key, value in self._s3.objects.items() if key != "nightly/new"} == self.before

    def reset(self) -> None:
        self._s3.reset()
        self._s3.objects |= self.before

    def calls(self, name: str) -> int:
        """The number of calls an operation makes when nothing fails."""
        self.reset()
        self.all[name]()
        return len(self._s3.calls)


@pytest.fixture
def operations(place, s3, made, tmp_path) -> Operations:
    return Operations(place, s3, made, tmp_path)


def failed(operations: Operations, s3: S3Server, name: str, fault: Callable[[int], int | str | None]) -> str:
    """Run an operation with this fault. Returns the error message, or "" for success."""
    operations.reset()
    s3.fault = fault
    try:
        operations.all[name]()
    except BackupStoreError as error:
        return str(error)
    finally:
        s3.fault = lambda number: None
        operations.assert_nothing_half_done()
    return ""


def once(call: int, fault: int | str) -> Callable[[int], int | str | None]:
    return lambda number: fault if number == call else None


def test_refusal_of_any_call_fails_at_once_and_says_what_to_do(operations, s3):
    for name in operations.all:
        for call in range(1, operations.calls(name) + 1):
            for status, advice in REFUSALS.items():
                message = failed(operations, s3, name, once(call, status))
                assert re.search(advice, message), (name, call, status, message)
                assert len(s3.calls) <= call + 1, "an aborted upload at most"
                assert s3.uploads == {}


OTHER = pytest.mark.long(proved_by="upkeep/backups/test_bucket_store.py::test_every_call_survives_a_temporary_error")


@pytest.mark.parametrize("fault", [503, *(pytest.param(fault, marks=OTHER) for fault in (500, 429, CUT, LOST))])
def test_every_call_survives_a_temporary_error(operations, s3, fault):
    for name in operations.all:
        for call in range(1, operations.calls(name) + 1):
            assert failed(operations, s3, name, once(call, fault)) == "", (name, call)
            assert len(s3.calls) > call
            assert s3.uploads == {} or fault == LOST, "one whose name was never known"


def test_lost_response_fails_neither_an_upload_nor_a_removal(operations, s3):
    """The server no longer knows an upload that has completed."""
    assert failed(operations, s3, "put", once(operations.calls("put"), LOST)) == ""
    assert failed(operations, s3, "remove", once(1, LOST)) == ""


def test_removal_that_hangs_is_repeated(operations, s3):
    """The library repeats every other call that hangs."""
    operations.place = BucketStore(s3_url(s3.url("nightly")), REPEATED, REPEATED)
    assert failed(operations, s3, "remove", once(1, HANG)) == ""
    assert len(s3.calls) > 1


def test_unreachable_server_is_given_up_within_a_minute(hurried, s3, monkeypatch):
    monkeypatch.setattr(s3_server, "HANG_S", 600)
    message = failed(hurried, s3, "names", lambda number: HANG)
    assert message == f"{s3.endpoint} {AWAY}: it does not respond. {ADVICE}"
    assert sum(REQUEST) <= 60
    assert max(TRANSFER) <= 60


def test_slow_part_is_transferred_in_both_directions(s3, made, tmp_path):
    place = BucketStore(s3_url(s3.url()), request=REPEATED, transfer=CallLimits(30, 30))
    slow = 1.5 * sum(SHORT)
    s3.fault = lambda number: time.sleep(slow) if s3.calls[-1] in ("PUT", "GET") else None
    place.put(made, "new", lambda done: None)
    place.fetch("new", tmp_path / "fetched", lambda done: None)
    assert (tmp_path / "fetched").read_bytes() == made.read_bytes()


def test_error_says_what_is_wrong_with_the_url_or_credentials(s3, made, monkeypatch):
    def message(url: str) -> str:
        with pytest.raises(BackupStoreError) as error:
            store_of(url).names()
        return str(error.value)

    assert (
        message(s3.url("nightly", bucket="padma"))
        == f"{s3.endpoint} has no bucket padma. Create it, or correct the URL."
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another one")
    assert f"refused to list the backups in s3://{BUCKET}/nightly/ (403 SignatureDoesNotMatch). Check AWS" in message(
        s3.url("nightly")
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    assert "(403 InvalidAccessKeyId)" in message(s3.url())
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert (
        message(s3.url())
        == f"There are no credentials for s3://{BUCKET}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    )


def test_error_says_why_a_server_cannot_be_reached(s3):
    short = CallLimits(5, 0.1)
    for host, reason in (("127.0.0.1:1", "it refuses connections"), ("nowhere.invalid", "its name does not resolve")):
        with pytest.raises(BackupStoreError) as error:
            BucketStore(s3_url(f"s3://{BUCKET}/nightly?endpoint=http://{host}"), short, short).names()
        assert str(error.value) == f"http://{host} {AWAY}: {reason}. {ADVICE}"


def test_error_says_that_a_bucket_is_in_another_region(s3, monkeypatch):
    monkeypatch.setattr(s3_server, "refusal", lambda status, code="": refusal(400, "AuthorizationHeaderMalformed"))
    s3.fail(403)
    with pytest.raises(BackupStoreError, match=f"^The bucket {BUCKET} is in another region. Set region="):
        store_of(s3.url()).names()


def test_object_shorter_than_announced_is_refused(s3, place, tmp_path, monkeypatch):
    s3.objects["nightly/new"] = bytes(100)
    monkeypatch.setattr(BucketStore, "size", lambda self, name: 101)
    with pytest.raises(BackupStoreError, match=rf"failed to read s3://{BUCKET}/nightly/new: Requested"):
        place.fetch("new", tmp_path / "fetched", lambda done: None)


def test_error_names_the_missing_package(s3, monkeypatch):
    monkeypatch.setitem(sys.modules, "koyjabo.upkeep.backups.bucket_store", None)
    with pytest.raises(BackupStoreError, match=r"not installed: pip install 'koyjabo\[s3\]'\.$"):
        store_of(s3.url())


def test_empty_variables_count_as_unset(s3, monkeypatch):
    """compose.yaml sets variables to empty strings if the operator has not set them."""
    for name in ("AWS_SESSION_TOKEN", "AWS_REGION", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.setenv(name, "")
    assert store_of(s3.url()).names() == []
    assert "AWS_SESSION_TOKEN" not in os.environ
