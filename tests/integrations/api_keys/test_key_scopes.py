"""Every scope with every API call: a key may only make the calls that its scopes allow."""

import pytest
from support.application.site import assert_error, site_fixture
from support.people.api_keys import call, key
from support.people.routes import method_of, path_of, rules, stored

from koyjabo.integrations.api_keys.api_keys import COMMUNITY_KEY_SCOPES, KEY_SCOPES

CALLS = {  # endpoints of each scope
    "stats:read": """
        api_communities.community_stats api_community_reports.visitors api_community_reports.visitors_today
        api_community_reports.visitors_weekly api_community_reports.visitors_monthly
        api_community_reports.visitors_growth api_community_reports.visitors_trends
    """,
    "reports:read": """
        api_reports.report_summary api_reports.report_timeline api_reports.report_breakdown
        api_reports.community_report_summary api_reports.community_report_timeline
        api_reports.community_report_breakdown
    """,
    "presence:read": "api_community_refs.online api_communities.realtime api_communities.who_is_online",
    "visits:write": "api_counting.register_visits",
    "communities:manage": """
        api_communities.get_community api_communities.list_members
        api_community_refs.put_community api_community_refs.archive_community api_community_refs.put_member
        api_community_refs.remove_member_by_ref api_community_refs.sync_members
    """,
    "broadcast": "api_community_refs.broadcast api_community_refs.disconnect",
}


site = site_fixture(is_shared=True, RATE_LIMIT_REPORTS="0", RATE_LIMIT_KEYS="0")


@pytest.fixture(scope="module")
def calls(site, cast) -> dict[str, tuple[str, str, str]]:
    """Method, path and scope of each call that `/openapi.json` marks as requiring a login, by endpoint."""
    community, described = cast.kept_community(), site.client.get("/openapi.json").json["paths"]
    by_endpoint = {}
    operations = {operation["operationId"]: operation for path in described.values() for operation in path.values()}
    for endpoint, rule in rules(site).items():
        blueprint, _, view = endpoint.partition(".")
        operation = operations.get(f"api_{view}", {}) if blueprint.startswith("api_") else {}
        security = operation.get("security")
        if security:
            scopes = [scope for scheme in security for scope in scheme.get("key", ())]
            by_endpoint[endpoint] = (method_of(rule), path_of(site, cast, rule, community), "".join(scopes))
    return by_endpoint


def test_each_api_call_has_the_scope_of_this_table(calls):
    assert set(CALLS) == set(KEY_SCOPES)
    assert {endpoint: scope for endpoint, (_method, _path, scope) in calls.items() if scope} == {
        endpoint: scope for scope, endpoints in CALLS.items() for endpoint in endpoints.split()
    }


@pytest.mark.parametrize("scope", KEY_SCOPES)
def test_a_key_makes_only_the_calls_of_its_scope(site, cast, calls, scope):
    text, before = key(cast["site_admin"], scope), stored(site)
    for endpoint, (method, path, needed) in calls.items():
        answer = call(site, text, path, method, json={} if method != "GET" else None)
        if needed == scope:
            assert answer.status_code not in (401, 403), (endpoint, answer.text)
        elif needed:
            assert (answer.status_code, answer.json["code"]) == (403, "scope_missing"), endpoint
            assert answer.json["details"] == {"needed": needed}
        else:
            assert answer.status_code in (401, 403), endpoint
    if scope in COMMUNITY_KEY_SCOPES:
        assert stored(site) == before


def test_a_key_of_a_community_is_valid_only_for_its_community(site, cast, calls):
    own, other = cast.kept_community(), cast.community(name="Other", listed=True)
    text = key(cast["site_admin"], *COMMUNITY_KEY_SCOPES, community=own)
    for endpoint, (method, path, needed) in calls.items():
        if needed in COMMUNITY_KEY_SCOPES:
            # the call for many communities omits those that the key has no access to
            is_of_community = own in path or endpoint == "api_community_refs.online"
            answer = call(site, text, path, method)
            assert (answer.status_code not in (401, 403)) == is_of_community, (endpoint, answer.text)
            if own in path:
                assert_error(call(site, text, path.replace(own, other), method), 403, "forbidden")
