"""Settings in the compose files and `render.yaml` exist, and no secret has a default."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

import config
from koyjabo.base.core import installation
from koyjabo.base.settings.schema import Settings
from koyjabo.cli import main

ROOT = Path(__file__).resolve().parents[1]

CADDY = (ROOT / "deploy" / "Caddyfile").read_text()

BACKUP = (ROOT / "docs" / "backup.md").read_text()
SETTINGS = {str(field.alias) for field in Settings.model_fields.values()}
SECRET_KEY = "6f1d2c9a84b7e053d4c1f6a29b80e7356f1d2c9b"
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|_URL")
FIXED = {"ENVIRONMENT", "DATABASE_URL", "REDIS_URL"}  # set by compose itself
LEFT_OUT = {"HOST", "PORT", "ALLOW_EPHEMERAL_STORAGE", "SECRET_KEY_FILE"}
"""The image sets host and port, and nginx knows the port; the third is for Render, the last for compose.caddy.yaml."""


def parsed(file: str) -> Any:
    return yaml.safe_load((ROOT / file).read_text())


def test_compose_passes_every_setting_of_the_env_file_to_the_server():
    app = parsed("compose.yaml")["services"]["app"]["environment"]
    assert set(app) == SETTINGS - LEFT_OUT
    asked = {name: re.fullmatch(r"\$\{(\w+):[-?].*\}", value) for name, value in app.items()}
    assert {name for name, how in asked.items() if how and how[1] == name} == set(app) - FIXED


def test_empty_variables_from_compose_count_as_not_set(monkeypatch):
    app = parsed("compose.yaml")["services"]["app"]["environment"]
    given = {name: match[1] for name, how in app.items() if (match := re.search(r":-(.*)\}$", how))}
    given |= {name: app[name] for name in ("ENVIRONMENT", "REDIS_URL")} | {"SECRET_KEY": SECRET_KEY}
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert config.load(given) == config.load({name: value for name, value in given.items() if value})


def test_the_compose_file_has_no_secrets():
    secrets = re.findall(r"\$\{(\w+)([^}]*)\}", (ROOT / "compose.yaml").read_text())
    required = {name for name, how in secrets if how.startswith(":?")}
    assert required == {"SECRET_KEY", "POSTGRES_PASSWORD", "ADMIN_EMAIL", "ADMIN_PASSWORD"}
    empty = {how for name, how in secrets if name not in required and SECRET.search(name)}
    assert empty == {":-"}


def test_compose_starts_two_workers_behind_nginx_that_trust_one_proxy():
    services = parsed("compose.yaml")["services"]
    assert set(services) == {"app", "nginx", "redis", "postgres"}
    assert services["app"]["environment"]["WEB_CONCURRENCY"] == "${WEB_CONCURRENCY:-2}"
    assert services["app"]["environment"]["TRUSTED_PROXIES"] == "${TRUSTED_PROXIES:-1}"
    assert "ports" not in services["app"]
    assert services["nginx"]["ports"] == ["${HTTP_PORT:-80}:80"]
    assert services["nginx"]["volumes"] == ["./deploy/nginx.conf:/etc/nginx/nginx.conf:ro"]
    assert parsed("compose.yaml")["networks"]["back"] == {"internal": True}  # Redis has no password
    for name in ("redis", "postgres"):
        assert services[name]["networks"] == ["back"]
        assert "ports" not in services[name]


def test_compose_has_a_volume_for_backups_that_the_server_may_write_into():
    """A new volume inherits the owner of the image's folder."""
    settings = parsed("compose.yaml")
    assert "backups:/backups" in settings["services"]["app"]["volumes"]
    assert set(settings["volumes"]) == {"database", "backups"}
    image = (ROOT / "Dockerfile").read_text()
    assert "install -d -m 700 -o koyjabo /backups" in image.partition("USER 10001")[0]
    files = re.findall(r"^docker compose exec app koyjabo (?:backup|restore) (\S+)", BACKUP, re.MULTILINE)
    assert files
    assert all(file.startswith("/backups/") for file in files)


def test_compose_with_caddy_requires_only_a_domain():
    text = (ROOT / "compose.caddy.yaml").read_text()
    asked = re.findall(r"\$\{(\w+)([^}]*)\}", text)
    assert {name for name, how in asked if how.startswith(":?")} == {"DOMAIN"}
    settings = parsed("compose.caddy.yaml")
    app, caddy = settings["services"]["app"], settings["services"]["caddy"]
    assert set(app["environment"]) <= SETTINGS
    assert app["env_file"] == [{"path": ".env", "required": False}]
    assert app["environment"]["PUBLIC_URL"].startswith("https://${DOMAIN:?")
    assert app["environment"]["TRUSTED_PROXIES"] == "${TRUSTED_PROXIES:-1}"
    assert "ports" not in app
    assert "./deploy/Caddyfile:/etc/caddy/Caddyfile:ro" in caddy["volumes"]
    assert caddy["environment"] == {"DOMAIN": app["environment"]["PUBLIC_URL"].removeprefix("https://")}
    assert "{$DOMAIN} {" in CADDY
    assert f"{{$UPSTREAM:app:{app['environment']['PORT']}}}" in CADDY


def test_compose_with_caddy_starts_a_server_that_keeps_its_data_in_volumes(monkeypatch, tmp_path):
    """The server writes only to volumes. A new volume inherits the owner of the image's folder."""
    app = parsed("compose.caddy.yaml")["services"]["app"]
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    given = {name: re.sub(r"\$\{DOMAIN.*\}", "live.example.com", value) for name, value in app["environment"].items()}
    given = {name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value) for name, value in given.items()}
    written = {name: Path(given[name].removeprefix("sqlite:///")) for name in ("DATABASE_URL", "SECRET_KEY_FILE")}
    folders = {folder.partition(":")[2] for folder in app["volumes"]}
    assert {str(path.parent) for path in written.values()} | {given["BACKUP_DIR"]} == folders
    assert app["read_only"]
    settings = config.load(given | {"SECRET_KEY_FILE": str(tmp_path / "secret_key")})
    assert (settings.public_url, settings.environment) == ("https://live.example.com", "production")
    image, user, _ = (ROOT / "Dockerfile").read_text().partition("USER 10001")
    assert "chown koyjabo /app/instance" in image
    assert ("--uid 10001" in image, user) == (True, "USER 10001")  # `runAsNonRoot` of Kubernetes refuses names


def test_the_render_file_sets_only_known_settings_and_closes_its_databases_to_the_internet():
    settings = parsed("render.yaml")
    web, redis = settings["services"]
    assert [service["ipAllowList"] for service in [redis, *settings["databases"]]] == [[], []]
    variables = {variable["key"]: variable for variable in web["envVars"]}
    assert set(variables) - {"PYTHON_VERSION"} <= SETTINGS
    assert web["healthCheckPath"] == "/healthz"
    assert variables["TRUSTED_PROXIES"]["value"] == "2"
    assert variables["REDIS_URL"]["fromService"]["name"] == redis["name"]
    for name in ("SECRET_KEY", "METRICS_TOKEN", "ADMIN_PASSWORD"):
        assert "value" not in variables[name]


def test_the_fly_file_has_one_permanent_machine_with_its_data_on_a_volume():
    settings = tomllib.loads((ROOT / "deploy" / "fly.toml").read_text())
    (volume,), variables, service = settings["mounts"], settings["env"], settings["http_service"]
    assert set(variables) <= SETTINGS
    for name in ("DATABASE_URL", "SECRET_KEY_FILE", "BACKUP_DIR"):
        assert variables[name].removeprefix("sqlite:///").startswith(f"{volume['destination']}/"), name
    assert (service["auto_stop_machines"], service["min_machines_running"]) == ("off", 1)
    assert service["concurrency"]["hard_limit"] > Settings.model_fields["max_connections"].default
    assert [check["path"] for check in service["checks"]] == ["/healthz"]
    image = (ROOT / "Dockerfile").read_text()
    assert f"PORT={service['internal_port']}" in image
    assert f"AS {settings['build']['build-target']}\n" in image
    assert image.endswith("\nFROM server\n")  # the image that others extend, without root


def test_the_image_has_only_the_files_that_a_server_needs():
    kept = set((ROOT / ".dockerignore").read_text().splitlines())
    needed: tuple[str, ...] = ("config.py", "wsgi.py", "koyjabo", "migrations", "pyproject.toml")
    needed += ("requirements.txt", "requirements/build.txt", "docs/*.md", "CHANGELOG.md")
    assert kept >= {"*", *(f"!{path}" for path in needed)}
    assert not {"!.env", "!instance", "!.git"} & kept
    assert {"deploy/tls/", ".env", "instance/"} <= set((ROOT / ".gitignore").read_text().splitlines())


def test_images_and_hosts_run_one_version_of_python_that_the_workflow_also_tests():
    """Developers use the oldest supported version, set by `.python-version`."""
    (variables,) = (service["envVars"] for service in parsed("render.yaml")["services"] if "envVars" in service)
    (host,) = (variable["value"] for variable in variables if variable["key"] == "PYTHON_VERSION")
    version = host.rpartition(".")[0]
    assert set(re.findall(r"^FROM python:([\d.]+)-", (ROOT / "Dockerfile").read_text(), re.MULTILINE)) == {version}
    assert version in parsed(".github/workflows/ci.yml")["jobs"]["quick"]["strategy"]["matrix"]["python"]


def test_the_workflow_runs_the_checks_on_every_version_of_python_from_the_oldest_supported():
    job = parsed(".github/workflows/ci.yml")["jobs"]["quick"]
    oldest = job["strategy"]["matrix"]["python"][0]
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"] == f">={oldest}"
    assert (ROOT / ".python-version").read_text().strip() == oldest
    assert {"run": ".ci/run"} in job["steps"]


def test_every_installed_package_is_locked_by_its_hash():
    locks = {file.name: file.read_text() for file in [ROOT / "requirements.txt", *(ROOT / "requirements").iterdir()]}
    assert set(locks) == {"requirements.txt", "dev.txt", "build.txt", "node.txt", "uv.txt"}
    for name, lock in locks.items():
        pinned = re.findall(r"^[^#\s].*\n.*", lock, re.MULTILINE)
        assert pinned
        assert all(re.search(r"==.* \\\n    --hash=sha256:[0-9a-f]{64}\b", requirement) for requirement in pinned), name
        assert "://" not in lock  # each machine chooses its package index
    files = [ROOT / name for name in ("Makefile", "Dockerfile", "render.yaml", "README.md", "CONTRIBUTING.md")]
    for file in [*files, *ROOT.glob("docs/*.md")]:
        for line in re.findall(r"^.*\bpip install\b.*$", file.read_text(), re.MULTILINE):
            assert "--require-hashes" in line or "--no-deps" in line, line
        assert not re.search(r"npm .*\bci\b(?!.* --ignore-scripts)", file.read_text()), file


def test_actions_of_the_workflow_are_named_by_their_commit():
    actions = re.findall(r"uses: (\S+)", (ROOT / ".github/workflows/ci.yml").read_text())
    assert actions
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in actions)


def test_the_command_line_prints_the_version():
    assert CliRunner().invoke(main, ["--version"]).output.split()[-1] == installation.VERSION


def test_a_checkout_uses_its_own_migrations_and_its_own_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert (installation.migrations(), installation.home()) == (ROOT / "migrations", ROOT)
