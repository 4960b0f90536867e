"""What `compose.yaml` and `render.yaml` set is what the server knows, and no secret has a default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from koyjabo.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {str(field.alias) for field in Settings.model_fields.values()}
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|_URL")


def told_by(file: str) -> Any:
    return yaml.safe_load((ROOT / file).read_text())


def test_compose_sets_what_there_is_and_has_no_secrets():
    app = told_by("compose.yaml")["services"]["app"]["environment"]
    assert set(app) <= SETTINGS
    secrets = re.findall(r"\$\{(\w+)([^}]*)\}", (ROOT / "compose.yaml").read_text())
    required = {name for name, how in secrets if how.startswith(":?")}
    assert required == {"SECRET_KEY", "POSTGRES_PASSWORD", "ADMIN_EMAIL", "ADMIN_PASSWORD"}
    assert {how for name, how in secrets if name not in required and SECRET.search(name)} == {
        ":-"
    }  # empty: there is none


def test_compose_has_two_workers_behind_nginx_that_know_of_it():
    services = told_by("compose.yaml")["services"]
    assert set(services) == {"app", "nginx", "redis", "postgres"}
    assert services["app"]["environment"]["WEB_CONCURRENCY"] == "2"
    assert "ports" not in services["app"]
    assert services["nginx"]["volumes"] == ["./deploy/nginx.conf:/etc/nginx/nginx.conf:ro"]


def test_render_sets_what_there_is():
    web, redis = told_by("render.yaml")["services"]
    variables = {each["key"]: each for each in web["envVars"]}
    assert set(variables) - {"PYTHON_VERSION"} <= SETTINGS
    assert web["healthCheckPath"] == "/healthz"
    assert variables["TRUSTED_PROXIES"]["value"] == "2"
    assert variables["REDIS_URL"]["fromService"]["name"] == redis["name"]
    for name in ("SECRET_KEY", "METRICS_TOKEN", "ADMIN_PASSWORD"):
        assert "value" not in variables[name]


@pytest.mark.parametrize(
    "needed", ["config.py", "wsgi.py", "koyjabo", "migrations", "pyproject.toml", "requirements.txt"]
)
def test_image_has_what_the_server_needs_and_leaves_out_what_is_ours(needed):
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert f"!{needed}" in kept
    assert "*" in kept
    assert not {"!.env", "!instance", "!.git"} & set(kept)
