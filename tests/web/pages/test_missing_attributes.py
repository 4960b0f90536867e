"""Templates fail on attributes that an object does not have."""

from fractions import Fraction

import pytest
from jinja2.exceptions import UndefinedError
from support.application.site import Site


@pytest.fixture(scope="module")
def render(module_sqlite_database):
    with Site(module_sqlite_database.url) as site:
        yield lambda text, **values: site.app.jinja_env.from_string(text).render(values)


def test_missing_attribute_of_a_result_is_an_error(render):
    with pytest.raises(UndefinedError, match="Fraction has no attribute 'total'"):
        render("{% if result.total %}x{% endif %}", result=Fraction(1))


def test_missing_variables_and_keys_are_empty(render):
    assert render("{{ total }}{{ row.total }}{{ none_.total }}", row={}, none_=None) == ""
