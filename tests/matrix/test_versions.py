"""What one build has made is used with another: each has the outcome of its row (`versions.py`)."""

from functools import cache, partial

import pytest

from matrix.scenario import Scenario
from matrix.versions import DISTORTIONS, KINDS, VERSIONS


@pytest.fixture(scope="module")
def scenario_of(request, tmp_path_factory):
    """The scenario of a cell, run once for all cells that it can have."""
    cells = [item.callspec.params["cell"] for item in request.session.items if item.path == request.path]

    def key_of(cell):
        return cell.distortion, cell.place, KINDS.get(cell.surface, "")

    @cache
    def run(distortion, place, kind):
        rows = [cell.surface for cell in cells if key_of(cell) == (distortion, place, kind)]
        scenario = Scenario(rows, kind, place, tmp_path_factory.mktemp("scenario"), request.getfixturevalue)
        try:
            scenario.attempt(rows, partial(scenario.run, *DISTORTIONS[distortion]))
        finally:  # also if a missing browser skips the cell
            scenario.close()
        return scenario

    return lambda cell: run(*key_of(cell))


@pytest.mark.parametrize("cell", VERSIONS.parameters())
def test_a_thing_of_one_version_has_the_outcome_of_its_row_with_another(cell, scenario_of):
    scenario = scenario_of(cell)
    error = scenario.errors.get(cell.surface)
    if error and not (cell.outcome == "refused" and cell.says in str(error)):
        raise error
    if cell.outcome == "refused":
        assert cell.says in f"{scenario.refusal} {error}"
    else:
        assert not scenario.refusal
