"""Downloads: everything that a filter matches, as files for other programs."""

import pytest
from support.assertions.csv_files import rows_of
from support.people.admins import ExampleCommunity, last_line, panel

from koyjabo.base.core.errors import Forbidden
from koyjabo.reports.visits import visit_list


@pytest.fixture(scope="module")
def example(site):
    site.time.go_to("2025-12-16T12:00:00+06:00")
    example = ExampleCommunity(site, name="=Mirpur")
    for number in range(120):
        if number == 70:
            site.time.pass_(days=1)
        community = {"communityId": example.community} if number % 10 == 0 else {}
        site.register(f"visitor{number}", userAgent='=cmd|"calc"', **community)
    return example


@pytest.fixture(scope="module")
def admin(site, example):
    return panel(site)


def download(admin, **fields):
    form = {"csrf_token": admin.csrf, "what": "visits", **fields}
    answer = admin.client.post("/admin/server/export", data=form, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.is_streamed
    return answer


def table(admin, **fields):
    return rows_of(download(admin, **fields).text)


def test_an_exported_file_has_all_visits_from_the_first_one_on(site, admin):
    answer = download(admin)
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="visits-2025-12-17.csv"'
    assert [int(row["ordinal"]) for row in rows_of(answer.text)] == list(range(1, 121))
    assert last_line(site)[:2] == ("Rani", "visits.export")


def test_an_export_breaks_off_when_the_right_to_it_is_lost(site, example, monkeypatch):
    monkeypatch.setattr(visit_list, "PIECE_SIZE", 50)
    pieces = iter(download(panel(site, "late")).response)
    next(pieces), next(pieces)
    site.rows("UPDATE users SET is_admin = false WHERE email = 'late@example.com'")
    with pytest.raises(Forbidden):
        list(pieces)


def test_an_export_by_day_has_the_visits_of_each_day_in_the_chosen_range(site, admin, example):
    days = [{"day": "2025-12-16", "visits": "70", "new_visitors": "70"}]
    days.append({"day": "2025-12-17", "visits": "50", "new_visitors": "50"})
    assert table(admin, what="days") == days
    assert table(admin, what="days", first_day="20251217") == days[1:]
    assert table(admin, what="days", last_day="2025-12-16") == days[:1]
    assert [day["visits"] for day in table(admin, what="days", community_id=example.community)] == ["7", "5"]
