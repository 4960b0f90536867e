"""The documents agree with the code."""

import os
import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from inspect import isfunction
from pathlib import Path

import click
from test_imports import AREAS, PACKAGES

from koyjabo.base.core import close_codes
from koyjabo.base.core.close_codes import CODES_BY_ERROR
from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.settings.schema import Settings, written
from koyjabo.cli import main
from koyjabo.counting.stats import Stats
from koyjabo.realtime import events
from koyjabo.server.http import request_parser
from koyjabo.site.page_numbers import page_update
from koyjabo.site.page_numbers.page_numbers import HIDDEN_VIEWS, PageCounts, PageViews
from koyjabo.web.http.body_sizes import body_sizes_of
from koyjabo.web.pages.errors import HTTP_SENTENCES
from koyjabo.web.pages.guides import anchor
from koyjabo.web.schemas.bodies import MAX_BODY_BYTES
from pictures import SHOWN
from prose.budgets import PAGES as PATTERNS, documents_of

ROOT = Path(__file__).resolve().parents[1]
API, COMMAND_LINE, PROXIES = (
    (ROOT / "docs" / name).read_text() for name in ("api.md", "command-line.md", "behind-a-proxy.md")
)


def all_errors(kind: type[KoyJaboError]) -> Iterator[type[KoyJaboError]]:
    yield kind
    for other in kind.__subclasses__():
        yield from all_errors(other)


ERRORS = {
    (code, int(status))
    for statuses, codes in re.findall(r"^\| ([\d, ]+) \| (.+?) \|", API, re.MULTILINE)
    for status, code in zip(statuses.split(", ") * codes.count("`"), re.findall(r"`(\w+)`", codes), strict=False)
}
"""The table of errors. A row lists one status for all of its codes, or one for each."""


def http_refusals() -> set[tuple[str, int]]:
    """Errors of the HTTP server, whose codes are the names of their statuses."""
    names = re.findall(r"HTTPStatus\.([A-Z_]+)", Path(request_parser.__file__).read_text())
    return {(name.lower(), HTTPStatus[name].value) for name in names}


def errors_of_proxies() -> set[tuple[str, int]]:
    """Errors that our configurations of proxies send, which are JSON in one line with the status."""
    lines = [line for path in (ROOT / "deploy").iterdir() for line in path.read_text().splitlines() if '"code"' in line]
    codes = [re.search(r'"code": "(\w+)"', line)[1] for line in lines]
    return {
        (code, int(re.search(r"return (\d+) |` (\d+)$", line).expand(r"\1\2")))
        for code, line in zip(codes, lines, strict=True)
    }


def test_the_guide_about_proxies_names_the_paths_with_tokens_and_with_large_bodies(site):
    rules = {rule.rule for rule in site.app.url_map.iter_rules()}
    sizes, lines = body_sizes_of(site.app), re.sub(r"\n +", " ", PROXIES)
    (large,) = re.findall(r"^- Accept bodies of 1 MB at (.+?), and of 16 KB elsewhere", lines, re.MULTILINE)
    taken = {rule for rule in rules if sizes.largest_at(re.sub("<.+?>", "x", rule)) > MAX_BODY_BYTES}
    assert set(re.findall("`(.+?)`", large)) == {re.sub("<.+?>", "{id}", rule) for rule in taken}
    (secret,) = re.findall(
        r"^- Keep query strings out of its logs, and paths that begin with (.+)$", lines, re.MULTILINE
    )
    assert set(re.findall("`(.+?)`", secret)) == {rule.partition("<token>")[0] for rule in rules if "<token>" in rule}


def test_the_api_page_lists_every_error_code_with_its_status(site):
    known = {(error.code, error.status) for error in all_errors(KoyJaboError)}
    known |= {(code, status) for status, (code, _) in HTTP_SENTENCES.items()} | http_refusals() | errors_of_proxies()
    not_sent = {("unusable_database", 500), ("invalid_message", 500)}  # the start ends; sockets send events
    assert known - not_sent == ERRORS
    assert len(errors_of_proxies()) == 2


def test_the_api_page_lists_every_call_and_no_other(site):
    """A row lists calls with their method, or paths with all their methods; `…` is the rest of a path."""
    paths = site.client.get("/openapi.json").json["paths"]
    calls = {(method.upper(), path) for path, item in paths.items() for method in item}
    calls |= {("GET", rule.rule) for rule in site.app.url_map.iter_rules() if rule.websocket}
    calls |= {("GET", "/openapi.json"), ("GET", "/socket.io/")}  # these do not describe themselves
    table = API.partition("## Calls")[2].partition("\n## ")[0]
    names = re.findall(r"`(?:([A-Z]+) )?(/[^`…]*)(…?)`", "".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)))
    listed = [
        {
            (verb, path)
            for verb, path in calls
            if method in ("", verb) and (path == name or (rest and path.startswith(name)))
        }
        for method, name, rest in names
    ]
    assert [name for name, is_listed in zip(names, listed, strict=True) if not is_listed] == []
    assert sorted(calls - set().union(*listed)) == []


def test_the_map_in_the_design_page_names_every_package_and_no_other():
    text = (ROOT / "docs" / "design.md").read_text()
    picture, table = text.split("```")[1], text.partition("## Packages")[2].partition("\n##")[0]
    assert re.findall(r"^  (\w+)/ ", picture, re.MULTILINE) == AREAS
    packages = [name.replace(".", "/") for name in PACKAGES if "." in name and name != "base.models"]
    assert re.findall(r"^\| `([\w/]+)/` \|", table, re.MULTILINE) == packages


def test_the_command_line_page_lists_every_command_and_no_other():
    listed = re.findall(r"^\| `koyjabo ([^`]+)` \|", COMMAND_LINE, re.MULTILINE)
    assert sorted(listed) == sorted(commands(main))


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        elif command and not command.hidden:
            yield before + name


DATA = ["today_visitors", "realtime_count", "community_id", "people", "minutes", "arrivals"]


def test_the_real_time_page_lists_every_event_with_its_fields_and_no_other():
    table = (ROOT / "docs" / "realtime.md").read_text().partition("## Events")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| .+? \| (.+) \|$", table, re.MULTILINE)
    listed = {name: ["type", *re.findall(r"`(\w+)`", description)] for name, description in rows}
    stats = Stats(total=1, today=1, active=0, unique_visitors=1, places={}, revision=1, epoch=1)
    samples = [
        events.VisitorUpdate(stats, "community", 10_000),
        page_update.PageUpdate([("/posts/a", "/posts/a")], PageCounts({"/posts/a": HIDDEN_VIEWS}, "epoch", 1)),
        *(events.CountChanged("community", 2, change, 1) for change in (0, 1, -1)),
        events.MembersOnline("community", (), 0, 1),
        events.DashboardUpdate({}, 1),
        events.PanelUpdate({}, 1, True),
        events.ViewUpdate("view", 1, "14:00:00", {"figures.visits": [1]}, {"figures": "1"}, 1, True),
    ]
    arguments = {
        events.panel_state: (None, 0),
        events.analytics_update: ("community", "conversion_rate", 14.5, 0),
        events.community_message: ("community", [], 0),
        events.kicked: ("visitors", "community", close_codes.FORBIDDEN),
        events.pong: (0,),
        events.error: ("No.", "no"),
    }
    kinds = {
        kind
        for kind in (page_update.PageUpdate, *vars(events).values())
        if isinstance(kind, type) and "as_object" in vars(kind)
    }
    assert {type(sample) for sample in samples} == kinds - {Stats, PageCounts}
    functions = {value for value in vars(events).values() if isfunction(value) and value.__module__ == events.__name__}
    assert arguments.keys() == {function for function in functions if not function.__name__.endswith("_room")}
    objects = [*(sample.as_object() for sample in samples), *(event(*given) for event, given in arguments.items())]
    sent = {sample["type"]: list(sample) for sample in objects}
    sent["page_update"][2:2] = ["path", *PageViews._fields]  # of each page
    sent["members_online"][3:3] = ["user_id", "name", "since"]  # of each person
    sent["dashboard_update"][2:2] = DATA  # the contents of its data
    sent["visitor_update"][3:3] = ["last"]  # only in the site's event
    assert listed == sent


def test_the_real_time_page_lists_every_close_code_and_no_other():
    table = (ROOT / "docs" / "realtime.md").read_text().partition("## Close codes")[2].partition("\n## ")[0]
    listed = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for code in row.split(",")}
    ours = {close_codes.GOING_AWAY, close_codes.ABUSE, close_codes.UNEXPECTED_ERROR, close_codes.TRY_AGAIN_LATER}
    assert listed == ours | {*CODES_BY_ERROR.values(), 1002, 1007, 1009}  # the last three come from wsproto


def test_limits_in_the_documents_are_the_defaults_of_their_settings():
    rows = re.findall(r"^\| .+ \| ([\d,]+) \| `([A-Z_]+)` \|$", (ROOT / "docs" / "limits.md").read_text(), re.MULTILINE)
    defaults = {field.alias: written(field.default) for field in Settings.model_fields.values()}
    assert len(rows) > 10
    assert [(limit, name) for limit, name in rows if limit.replace(",", "") != defaults[name]] == []


PAGES = sorted(page for pattern in PATTERNS for page in ROOT.glob(pattern))


def target(page: Path, link: str) -> str:
    """The text that a link points to: a whole file, or a section up to the next heading of the same level."""
    path, _, part = link.partition("#")
    text = ((page.parent / path) if path else page).read_text()
    if not part:
        return text
    sections = re.split(r"^(?=#+ )", text, flags=re.MULTILINE)
    levels = [len(section) - len(section.lstrip("#")) for section in sections]
    start = next(n for n, section in enumerate(sections) if part == anchor(section.partition("\n")[0].lstrip("# ")))
    end = next((n for n in range(start + 1, len(sections)) if levels[n] <= levels[start]), len(sections))
    return "".join(sections[start:end])


def test_a_link_whose_text_is_code_leads_to_a_text_with_this_code():
    named = [
        (page, code, link)
        for page in PAGES
        for code, link in re.findall(r"\[`([^`\]]+)`\]\(([^)\s]*\.md[^)\s]*|#[^)\s]+)\)", page.read_text())
        if "://" not in link
    ]
    assert len(named) > 5
    missing = [(page.name, code, link) for page, code, link in named if code not in target(page, link)]
    assert missing == []


GUIDES = [page for page in PAGES if page.name != "CHANGELOG.md" and "clients" not in page.parts]
SOURCE = re.compile(r"`([\w.][\w.-]*(?:/[\w.-]+)*(?:/|\.(?:css|html|js|lua|mjs|py|toml|ts)))`")
NOT_HERE = {  # created by commands, or parts of other projects
    "instance/",
    "dist/",
    "deploy/tls/",
    ".cache/",
    "cloudflare-worker.js",
    "app/koyjabo.d.ts",
    "index.html",
    "vite.config.js",
    "services/analyticsService.ts",
    "visitors/",
}


@cache
def ends() -> set[str]:
    """All suffixes of all file and folder paths, such as `koyjabo/base/core/errors.py` and `errors.py`."""
    paths = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in {"node_modules", "__pycache__"} and name[0] != "."]
        parts = Path(folder).relative_to(ROOT).parts
        paths |= {"/".join((*parts[start:], name)) for name in files + folders for start in range(len(parts) + 1)}
    return paths


def test_the_documents_show_every_picture_that_make_screenshots_takes_and_no_other():
    shown = {name for page in documents_of(ROOT) for name in re.findall(r"images/([\w-]+)\.png", page.read_text())}
    assert shown == {look.name(name) for name, look in SHOWN}
    assert shown == {path.stem for path in (ROOT / "docs" / "images").iterdir()}


def test_every_path_that_a_guide_names_exists():
    named = [(str(page.relative_to(ROOT)), name) for page in GUIDES for name in SOURCE.findall(page.read_text())]
    assert len(named) > 100
    assert [
        reference for reference in named if reference[1].rstrip("/") not in ends() and reference[1] not in NOT_HERE
    ] == []
