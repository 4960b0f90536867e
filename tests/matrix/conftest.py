"""Failed assertions of modules without tests show their values."""

import pytest

pytest.register_assert_rewrite("matrix.quiet", "matrix.scenario", "matrix.things")
