"""Where the workers of one server add up what they count, when there is no place for it."""

from __future__ import annotations

import os
import tempfile

from koyjabo.server.counting import counting_folder

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def test_where_no_folder_can_be_made_each_worker_tells_of_itself(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    monkeypatch.setenv(FOLDER, "/somebody/elses")
    with counting_folder():
        assert FOLDER not in os.environ
