"""Databases of places, made for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet


@pytest.fixture
def place_database(tmp_path):
    """`place_database({network: record})` is the path of a MaxMind database."""

    def make(records: dict[str, Any], name: str = "cities.mmdb", ip_version: int = 6, **metadata: Any) -> Path:
        writer = MMDBWriter(ip_version, ipv4_compatible=ip_version == 6, **metadata)
        for network, record in records.items():
            writer.insert_network(IPSet([network]), record)
        writer.to_db_file(str(tmp_path / name))
        return tmp_path / name

    return make


@pytest.fixture
def unusable(tmp_path):
    """Paths that are no databases, by what is wrong with them."""
    (tmp_path / "empty.mmdb").touch()
    (tmp_path / "text.mmdb").write_text("not a database\n" * 100)
    return {name: tmp_path / f"{name}.mmdb" for name in ("missing", "empty", "text")} | {"folder": tmp_path}
