"""Every signal has a publisher and a receiver, and an application closes what it uses."""

from dataclasses import fields
from pathlib import Path

import pytest

import koyjabo
from koyjabo.base.core.lifetime import Lifetime
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.core.signals import Signals

SIGNALS = [field.name for field in fields(Signals)]
SOURCE = "".join(file.read_text() for file in Path(koyjabo.__path__[0]).rglob("*.py"))


def test_every_signal_has_a_publisher_and_a_receiver(site):
    assert [name for name in SIGNALS if not getattr(site.services.signals, name).receivers] == []
    assert [name for name in SIGNALS if f"signals.{name}.send" not in SOURCE] == []


def test_resources_close_in_reverse_order_even_if_one_fails():
    left = []

    def fail():
        left.append("second")
        raise OSError("late")

    lifetime = Lifetime(ThreadRuntime())
    lifetime.at_close(lambda: left.append("first"))
    lifetime.at_close(fail)
    with pytest.raises(OSError, match="late"):
        lifetime.close()
    lifetime.close()
    assert left == ["second", "first"]
