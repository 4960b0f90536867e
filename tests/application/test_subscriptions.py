"""Every signal has a publisher and a receiver, and an application closes what it uses."""

from dataclasses import fields
from pathlib import Path

import koyjabo
from koyjabo.base.core.signals import Signals

SIGNALS = [field.name for field in fields(Signals)]
SOURCE = "".join(file.read_text() for file in Path(koyjabo.__path__[0]).rglob("*.py"))


def test_every_signal_has_a_publisher_and_a_receiver(site):
    assert [name for name in SIGNALS if not getattr(site.services.signals, name).receivers] == []
    assert [name for name in SIGNALS if f"signals.{name}.send" not in SOURCE] == []
