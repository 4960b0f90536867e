"""Location databases made for a test."""

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet


@pytest.fixture
def place_database(tmp_path):
    """`place_database({network: record})` creates a MaxMind database and returns its path."""

    def make(records: dict[str, Any], name: str = "cities.mmdb", ip_version: int = 6, **metadata: Any) -> Path:
        writer = MMDBWriter(ip_version, ipv4_compatible=ip_version == 6, **metadata)
        for network, record in records.items():
            writer.insert_network(IPSet([network]), record)
        writer.to_db_file(str(tmp_path / name))
        return tmp_path / name

    return make
