"""Settings: their sources and forms, and values that stop the start with a sentence that names the setting."""

import os
import secrets
import stat
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn
from redis.connection import SSLConnection, parse_url
from redis.sentinel import SentinelManagedSSLConnection

import config
from config import SettingsError
from koyjabo.base.cluster import redis_client
from koyjabo.base.database.postgres import dsn
from koyjabo.base.settings import backup_folder, operator_secrets, redis_url, trusted_issuer
from koyjabo.base.settings.database_url import for_libpq
from koyjabo.base.settings.schema import Settings

KEY = "6f1d2c9a84b7e053d4c1f6a29b80e7356f1d2c9b"
PRODUCTION = {"ENVIRONMENT": "production", "SECRET_KEY": KEY}
POSTGRES = "postgresql://user@db/koyjabo"
ON_THE_ROOT = "sqlite:////a-folder-that-is-no-mount/koyjabo.db"
MOUNTED = [Path("/dev/shm"), Path("/dev"), Path("/proc")]  # Mount points: every Linux has at least one of these
NAMES = [str(field.alias) for field in Settings.model_fields.values()]
RATE_LIMITS = [name for name in NAMES if "RATE_LIMIT_" in name]
CLAIMS = ("USER_CLAIM", "NAME_CLAIM", "COMMUNITIES_CLAIM")
LONG_EMAIL = f"{'a' * 250}@b.com"
BAD_DATABASES = """koyjabo mysql://db/x sqlite:// sqlite:///:memory: sqlite:///x.db?mode=memory sqlite://var/x.db
    sqlite:///x.db?timeout=9 sqlite:///~/x.db postgresql://user@db:port/x postgresql://a,/x postgresql://a,b:x/x
    postgresql://a,::1/x postgresql://u:p@ss@h/x postgresql://h:/x"""
BAD_REDIS = """localhost:6379 http://redis redis:// redis://host/zero redis://host?socket_timeout=soon redis://host?what=1
    redis+sentinel://host redis+sentinel://host/a/b redis+sentinel://a,,b/mymaster redis+sentinel://a:x/mymaster
    unix:// unix://run/redis.sock redis://h/1?db=2 redis://h?db=1&db=2 rediss://h?ssl_ca_certs=/nowhere.pem"""
BAD_MAIL = """host smtp:// smtp://host http://h?from=a@b smtp://h:x?from=a@b smtp://host?from=a smtp://host?from=a@b&tls=on
    smtp://host?from=a@b&x=1 smtp://:p@h?from=a@b smtp://h?from=a@b&from=c@d smtp://live:p%E4ss@h?from=a@b
    smtp://l%00ve:p@h?from=a@b smtps://host?from=a@b&tls=off smtp://host/x?from=a@b smtp://h?from=<a@b
    smtp://h?from=é@b.example smtp://h?from=a@☃.example smtp://☃.example?from=a@b"""
BAD = {
    **dict.fromkeys(RATE_LIMITS, ("-1", "1.5", "many")),
    **dict.fromkeys(("SITE_NAME", "SITE_NAME_BN"), ("x" * 61, "a\nb", "a\u2028b")),
    **dict.fromkeys(("SITE_SENTENCE", "SITE_SENTENCE_BN"), ("x" * 161, "a\nb")),
    "SITE_COLOUR": ("blue", "#12345", "2f5488;"),
    "SITE_BANGLA": ("yes", "2"),
    **dict.fromkeys(("GEOIP_DATABASE", "ASN_DATABASE"), ("missing.mmdb", "/", "cities.mmdb:", "a\nb")),
    **dict.fromkeys([f"AUTH_{name}" for name in ("ISSUER", "AUDIENCE", *CLAIMS)], ("a b", "x" * 201, "é")),
    "ACTIVE_WINDOW_SECONDS": ["0", "86401", "5m"],
    "ADMIN_EMAIL": ["admin", "a@b@c", "a b@c.com", "@b.com", "a@", LONG_EMAIL],
    "ADMIN_PASSWORD": ["short", "x" * 129],
    "ALLOWED_ORIGINS": ["*", "app.example.com", "https://a.com/x", "https://a.com,ftp://b", "null"],
    "ALLOW_EPHEMERAL_STORAGE": ["maybe", "2"],
    "APP_URL": ["HTTP://a.example", "app.example.com", "javascript:alert()", "https://u:p@a/", "https://a/\0"],
    "AUTH_ALGORITHMS": ["none", "RS256 ES256", "HS1", "rs256", "RS256,,ES256"],
    "AUTH_PUBLIC_KEY": ["auth.example.com", "https://auth.example.com/jwks.json", "/nowhere/keys.json"],
    "AUTH_REQUIRED_CLAIMS": ["token_type", "token_type:", ":access", "a:b,,c:d", "none,a:b"],
    "AUTH_SHARED_SECRET": ["short", KEY, f"-----BEGIN PUBLIC KEY-----{KEY}"],
    "BACKUP_AT": ["3:30", "24:00", "03:60", "03:30:00"],
    "BACKUP_DIR": ["./backups", "~/backups", "/a\nb", "/a\0b"],
    "BACKUP_KEEP": ["0", "-1", "all"],
    "BOT_POLICY": ["Count", "refuse"],
    "BRIDGES": ["slack", "Koyjabo", "koyjabo,citinfos"],
    "DATABASE_URL": BAD_DATABASES.split(),
    "ENVIRONMENT": ["staging", "Production"],
    "HONOUR_PRIVACY_SIGNALS": ["maybe", "2"],
    "HOST": ["localhost", "127.0.0.1:8000", "300.0.0.1", "*"],
    "LEAVE_GRACE_SECONDS": ["-1", "301", "soon"],
    "LOG_FORMAT": ["xml", "JSON "],
    "LOG_LEVEL": ["LOUD", "5"],
    "MAX_CONNECTIONS": ["0", "1000001", "x"],
    "METRICS_TOKEN": ["short", "x" * 15],
    "MILESTONES": ["0", "1000,", "1.5", "-1", "None", "100,none", f"{10**15 + 1}", "9" * 5000],
    "OWN_ADDRESSES": ["localhost", "203.0.113.7/24", "2001:db8::1/32", "1.2.3.4;5.6.7.8", "a\nb"],
    "PAGE_NUMBERS": ["posts/*", "https://a.com/x", "/a,", "/a b", "/a?b", "/a#b", "/" + "a" * 512],
    "PORT": ["abc", "-1", "65536", "80.5"],
    "PUBLIC_URL": ["a.com", "https://a.com/x", "ftp://a.com", "https://a.com,ftp://b", "https://a:65536"],
    "PUBLISH_INTERVAL_MS": ["9", "5001", "soon"],
    "REDIS_URL": BAD_REDIS.split(),
    "REQUIRE_TWO_FACTOR": ["Admins", "1", "everybody"],
    "RETENTION_DAYS": ["0", "36501", "a year"],
    "SECRET_KEY": ["short", "k" * 40, KEY[:31], "rickshaw" * 5, "01" * 20],
    "SECRET_KEY_FILE": ["./secret_key"],
    "SIGN_UP": ["Open", "nobody"],
    "SMTP_URL": BAD_MAIL.split(),
    "STARTING_TOTAL": ["-1", "4k", str(10**15 + 1)],
    "TIMEZONE": ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Asia", "+06:00", "a\nb"],
    "TRUSTED_PROXIES": ["-1", "11", "all"],
    "UPDATE_INTERVAL_MS": ["49", "60001", "0.5"],
    "WEB_CONCURRENCY": ["0", "65", "two", "2"],  # 2 lacks a REDIS_URL
}


LIBRARY_WORDS = ("unable to", "valid integer", "valid boolean", "than or equal")
ZONES = {
    **{"paris": "Europe/Paris", "europe/paris": "Europe/Paris", "New York": "America/New_York", "utc": "UTC"},
    **{"São Paulo": "America/Sao_Paulo", "port au prince": "America/Port-au-Prince", "etc/gmt-5": "Etc/GMT-5"},
    **{"louisville": "America/Kentucky/Louisville", "istanbul": "Europe/Istanbul", "kiev": "Europe/Kiev"},
    **dict.fromkeys(("lyon", "indiana", "samoa", "san juan", "west", "+06:00"), "refused"),
}


def refusal(load, **settings) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**settings)
    return str(caught.value)


def test_a_bad_value_stops_the_start_with_a_sentence_that_names_the_setting(load):
    for name, bad in ((name, bad) for name, values in BAD.items() for bad in values):
        sentence = refusal(load, **{**PRODUCTION, name: bad})
        assert sentence.startswith(name), (name, bad, sentence)
        assert sentence.endswith("."), (name, bad, sentence)
        assert not any(text in sentence for text in ("\n", KEY, *LIBRARY_WORDS)), (name, bad, sentence)
        is_shown = name == "ADMIN_EMAIL" or not Settings.is_secret(name) or bad.startswith("/")  # a path
        assert is_shown or not sentence.startswith(f"{name} is {bad!r}"), (name, bad, sentence)
    assert BAD.keys() == set(NAMES)


def test_a_time_zone_is_found_by_its_name_or_unmistakable_city_in_any_case(load):
    zones = {}
    for typed in ZONES:
        try:
            zones[typed] = load(TIMEZONE=typed).timezone
        except SettingsError as error:
            zones[typed] = "refused" if f"'{typed}'" in str(error) else str(error)
    assert zones == ZONES


PUBLIC = {
    "AUTH_PUBLIC_KEY": """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----"""  # RFC 8410, 10.1
}
SECRET = {"AUTH_SHARED_SECRET": KEY[::-1]}
NAMED = {"AUTH_ISSUER": "https://auth.example.com", "AUTH_AUDIENCE": "live"}
ANY_AUDIENCE = {"AUTH_AUDIENCE": "none"}


def test_a_start_with_conflicting_token_settings_fails_and_names_one(load):
    wrong = {
        "AUTH_SHARED_SECRET": [
            {**PUBLIC, **NAMED, **SECRET},
            {**SECRET, "AUTH_REQUIRED_CLAIMS": "none", "SECRET_KEY": KEY[::-1]},
        ],
        "AUTH_ISSUER": [PUBLIC, {**PUBLIC, "AUTH_AUDIENCE": "live"}],
        "AUTH_AUDIENCE": [
            {**PUBLIC, "AUTH_ISSUER": "me"},
            *({**PUBLIC, **NAMED, **ANY_AUDIENCE, "AUTH_REQUIRED_CLAIMS": claims} for claims in ("", "none")),
            {**SECRET, **ANY_AUDIENCE, "AUTH_REQUIRED_CLAIMS": "none"},
        ],
        "AUTH_REQUIRED_CLAIMS": [SECRET, {**SECRET, **NAMED}],
        "AUTH_ALGORITHMS": [
            {**PUBLIC, **NAMED, "AUTH_ALGORITHMS": "RS256,HS256"},
            {**SECRET, "AUTH_ALGORITHMS": "RS256"},
        ],
    }
    wrong["AUTH_SHARED_SECRET"].append({**SECRET, "AUTH_REQUIRED_CLAIMS": "none", "AUTH_ALGORITHMS": "HS256,HS512"})
    for name, combinations in wrong.items():
        for given in combinations:
            sentence = refusal(load, **given)
            assert sentence.startswith(name), (given, sentence)
            assert KEY[::-1] not in sentence
    assert load(**PUBLIC, **NAMED).token_algorithms == ["RS256", "ES256", "EdDSA"]
    assert load(**SECRET, AUTH_REQUIRED_CLAIMS="none").token_algorithms == ["HS256"]
    one = load(**PUBLIC, **{**NAMED, **ANY_AUDIENCE}, AUTH_REQUIRED_CLAIMS="client_id:app", AUTH_ALGORITHMS="Ed25519")
    assert (trusted_issuer.audience_of(one), one.token_algorithms) == ("", ["EdDSA"])


def test_a_secret_key_is_required_in_production_and_a_hosting_provider_means_production(load, monkeypatch):
    assert refusal(load, ENVIRONMENT="production").startswith("SECRET_KEY is missing")
    for host in ("RENDER", "DYNO"):
        with monkeypatch.context() as changed:
            changed.setenv(host, "1")
            assert refusal(load, DATABASE_URL=POSTGRES).startswith("SECRET_KEY is missing")
            assert load(DATABASE_URL=POSTGRES, SECRET_KEY=KEY).environment == "production"


def test_a_secret_key_is_generated_once_and_readable_only_by_its_owner(load, tmp_path):
    made = load().secret_key
    kept = tmp_path / "instance" / "secret_key"
    assert (len(made) >= 32, kept.read_text()) == (True, made)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert load().secret_key == made
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]
    assert load(SECRET_KEY=KEY).secret_key == KEY


def test_the_secret_key_of_production_may_be_in_a_file_that_is_made_once(load, tmp_path):
    given = {"ENVIRONMENT": "production", "SECRET_KEY_FILE": str(tmp_path / "data" / "key")}
    made = load(**given).secret_key
    kept = tmp_path / "data" / "key"
    assert (len(made), kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == (64, made, 0o600)
    assert load(**given).secret_key == made
    assert load(**given, SECRET_KEY=KEY).secret_key == KEY
    kept.write_text(f"{KEY}\n")
    assert load(**given).secret_key == KEY
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "secret_key").touch()
    assert refusal(load).startswith(f"SECRET_KEY_FILE is '{tmp_path}/instance/secret_key', which is empty. ")
    kept.write_text("changeme" * 5)
    assert refusal(load, **given).startswith("SECRET_KEY is a pattern")
    kept.write_text("")
    assert refusal(load, **given).startswith(f"SECRET_KEY_FILE is '{kept}', which is empty. ")
    kept.write_bytes(b"\xff" * 64)
    for file in (kept, tmp_path, Path("/proc/nowhere/key")):
        assert refusal(load, **{**given, "SECRET_KEY_FILE": str(file)}).startswith(f"SECRET_KEY_FILE is '{file}', ")


@pytest.mark.long(
    proved_by="base/settings/test_config.py::test_the_secret_key_of_production_may_be_in_a_file_that_is_made_once"
)
def test_a_secret_key_is_made_on_a_disk_that_refuses_hard_links(load, exfat_disk):
    (exfat_disk / "one").touch()
    with pytest.raises(PermissionError):
        (exfat_disk / "two").hardlink_to(exfat_disk / "one")
    given = {"ENVIRONMENT": "production", "SECRET_KEY_FILE": str(exfat_disk / "data" / "key")}
    made = load(**given).secret_key
    assert (load(**given).secret_key, len(made)) == (made, 64)
    assert [path.name for path in (exfat_disk / "data").iterdir()] == ["key"]


def test_an_override_wins_over_the_environment_and_the_environment_wins_over_the_file(load, monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("PORT=1111\nSTARTING_TOTAL=1\nACTIVE_WINDOW_SECONDS=11\nTIMEZONE=UTC\n")
    monkeypatch.setenv("PORT", "2222")
    monkeypatch.setenv("STARTING_TOTAL", "2")
    monkeypatch.setenv("TIMEZONE", "")  # an empty value in the environment does not hide it
    settings = load(PORT=3333)
    assert (settings.port, settings.starting_total, settings.active_window_seconds) == (3333, 2, 11)
    assert (settings.timezone, load(**PRODUCTION).timezone) == ("UTC", "Asia/Dhaka"), "only in development"
    settings = load(PORT="", DATABASE_URL="", REDIS_URL=None)  # as if they were not set
    assert (settings.port, settings.database.database) == (2222, str(tmp_path / "instance" / "koyjabo.db"))


def test_a_process_started_later_uses_the_settings_file_of_the_start(load, monkeypatch, tmp_path):
    """A worker that is replaced must not get half of the new settings."""
    monkeypatch.setattr(os, "environ", {**os.environ, "STARTING_TOTAL": "2"})
    (tmp_path / ".env").write_text("PORT=1111\nSTARTING_TOTAL=1\n")
    config.keep_files(load())
    (tmp_path / ".env").write_text("PORT=2222\nTIMEZONE=Asia/Kolkata\n")
    settings = load()
    assert (settings.port, settings.starting_total, settings.timezone) == (1111, 2, "Asia/Dhaka")


def test_a_sqlite_file_on_temporary_storage_is_refused_unless_the_operator_allows_it(load):
    on_render = {"RENDER": "true", "SECRET_KEY": KEY}
    with pytest.raises(SettingsError, match=r"^DATABASE_URL.*ALLOW_EPHEMERAL_STORAGE"):
        load(**on_render, DATABASE_URL=ON_THE_ROOT)
    assert load(**on_render, DATABASE_URL=ON_THE_ROOT, ALLOW_EPHEMERAL_STORAGE="1").allow_ephemeral_storage
    assert load(**on_render, DATABASE_URL=POSTGRES).database_url
    assert load(**PRODUCTION, DATABASE_URL=ON_THE_ROOT).database_url  # elsewhere nothing is deleted
    (mounted, *_) = (path for path in MOUNTED if path.is_mount())
    assert load(**on_render, DATABASE_URL=f"sqlite:///{mounted}/a/b/koyjabo.db").database_url


WEAK = [
    *("short", "k" * 64, "abc" * 20, "rickshaw at dawn" * 2, "01" * 32, "aaaaaaaabbbbbbbbaaaabbbbaaababab1234"),
    *("please-change-me-before-going-live-1", "your-secret-key-goes-here-x9k2m4p8qz"),
    *("koyjabo-live-in-production-2f9a71bc4", "abcdefghijklmnopqrstuvwxyz012345", "0123456789abcdef0123456789abcdefX"),
]


def test_a_folder_that_cannot_be_read_means_no_files_in_it(tmp_path):
    """The system refuses to look into it, as for a user who may not enter the folder of another user."""
    unreadable = tmp_path / ("x" * 300)
    settings = config.load(PRODUCTION | {"DATABASE_URL": POSTGRES}, instance=unreadable)
    assert settings.geoip_files == []
    for url in ("", f"sqlite:///{unreadable}/a.db "):
        assert "x" * 300 in config.load({"SECRET_KEY": KEY, "DATABASE_URL": url}, instance=unreadable).database_url


def test_a_guessable_secret_key_is_refused():
    assert [weak for weak in WEAK if not operator_secrets.weakness(weak).startswith("is ")] == []
    for weak in WEAK:
        with pytest.raises(SettingsError, match=r"^SECRET_KEY is .*; make one with python -c .*\.$"):
            config.load({"ENVIRONMENT": "production", "SECRET_KEY": weak, "DATABASE_URL": "postgresql://db/x"})


def test_a_random_secret_key_is_accepted():
    for make, length in ((secrets.token_hex, 32), (secrets.token_urlsafe, 32), (secrets.token_hex, 16)):
        assert [made for made in (make(length) for _ in range(500)) if operator_secrets.weakness(made)] == []


OBVIOUS = ["password", "Password1!", "12345678", "administrator", "admin2026", "changeme-now", "qwertyuiop", "boss1234"]
OBVIOUS += ["koyjabo2026", "abcdabcd", "aaaaaaaa"]


def test_an_obvious_admin_password_is_refused_in_production_and_accepted_in_development(tmp_path):
    production = {"ENVIRONMENT": "production", "SECRET_KEY": secrets.token_hex(32), "DATABASE_URL": "postgresql://d/x"}
    for password in OBVIOUS:
        admin = {"ADMIN_EMAIL": "Boss@example.com", "ADMIN_PASSWORD": password}
        with pytest.raises(SettingsError, match=r"^ADMIN_PASSWORD ") as refused:
            config.load({**production, **admin})
        assert password not in str(refused.value)
        assert config.load({"ENVIRONMENT": "development", **admin}, instance=tmp_path).admin_password == password
    taken = ["the first of them", "rickshaw at dawn", "7Gk!pQ2w", "ঢাকা থেকে চট্টগ্রাম"]
    assert [secret for secret in taken if operator_secrets.is_obvious(secret, "boss@example.com")] == []


def test_a_setting_whose_name_mentions_a_secret_is_hidden():
    telling = {name for name in NAMES if any(part in name for part in ("SECRET", "PASSWORD", "TOKEN", "_URL"))}
    assert {name for name in telling if not Settings.is_secret(name)} == {"PUBLIC_URL", "APP_URL", "SECRET_KEY_FILE"}


DATABASES = {
    "postgres://me:p%40ss@db:5433/x": "postgresql+psycopg2://me:p%40ss@db:5433/x",
    "postgresql://db/x?sslmode=require": "postgresql+psycopg2://db/x?sslmode=require",
    "postgres://me:p%40s,s@a,[::1]:5433/x": "postgresql+psycopg2://me:p%40s,s@/x?host=a,::1&port=5432,5433",
    "postgresql://a:1,b/x?sslmode=require": "postgresql+psycopg2:///x?host=a,b&port=1,5432&sslmode=require",
    "postgresql://u@/x?host=a:1&host=b": "postgresql+psycopg2://u@/x?host=a,b&port=1,5432",
    "postgresql+psycopg://db/x": "postgresql+psycopg2://db/x",
    "postgresql://u@a,b/x?application_name=a%20b+c": (
        "postgresql+psycopg2://u@/x?host=a,b&port=5432,5432&application_name=a%20b%2Bc"
    ),
    "sqlite+pysqlite:////var/data/x.db": "sqlite:////var/data/x.db",
}
PASSED_ON = [  # URLs in the forms that libpq's own tests have
    "postgresql://user:p%40ss%2Fw%3Frd@host:5433/my%20db",
    "postgres://user:a+b@host/x?application_name=a+b&options=-c%20search_path%3Dpublic",
    "postgres:///x?host=/run/postgresql&user=me",
    "postgresql://%2Frun%2Fpostgresql/x",
    "postgresql://u%73er@%68ost/a%25b%3Fc",
    "postgresql://[2001:db8::1]:5433/x",
    "postgresql://:5433/x?hostaddr=192.0.2.1",
    "postgresql://host/x?sslmode=require&sslmode=disable",
]
REDIS = ["redis://localhost", "redis://:p%2Fss@host:6380/3", "redis://user:p@ss@host/0/"]
REDIS += ["rediss://host:6379?ssl_cert_reqs=none", "redis://[2001:db8::1]:6379?socket_timeout=0.5"]
REDIS += ["unix:///run/redis.sock?db=1"]
REDIS += ["redis+sentinel://user:p%2Fss@a:26379,b/mymaster/3?sentinel_password=x", "rediss+sentinel://a/my%20master"]


def test_the_urls_of_databases_and_redis_are_read_in_the_forms_that_hosts_write(load):
    assert {url: load(DATABASE_URL=url).database_url for url in DATABASES} == DATABASES
    assert [load(REDIS_URL=url, WEB_CONCURRENCY=4).redis_url for url in REDIS] == REDIS
    assert load(LOG_LEVEL="debug").log_level == "DEBUG"


def test_libpq_gets_every_part_of_a_database_url_unchanged(load):
    for url in PASSED_ON:
        settings, meant = load(DATABASE_URL=url), parse_dsn(url)
        assert parse_dsn(dsn(settings.database)) == meant, url
        assert parse_dsn(for_libpq(settings.database_url)) == meant, url


def test_a_plus_sign_in_the_option_of_a_url_stays_a_plus_sign(load):
    settings = load(SMTP_URL="smtp://a+b:c+d@host?from=Koy%20Jabo%20<live+1@b.example>", PUBLIC_URL="https://a.example")
    smtp = settings.smtp
    assert (smtp.user, smtp.password, smtp.sender_name, smtp.sender) == ("a+b", "c+d", "Koy Jabo", "live+1@b.example")
    url = "redis+sentinel://a/mymaster?username=a+b&password=c%20d"
    assert parse_url(redis_url.parse(url).urls[0]).items() >= {"username": "a+b", "password": "c d"}.items()


def test_sentinels_and_their_master_are_reached_with_tls_and_their_own_credentials():
    url = "rediss+sentinel://me:p%2Fss@a:1,b:2/mymaster/3?sentinel_username=you&sentinel_password=s%25s"
    pool = redis_client.connect(url)._client.connection_pool
    credentials = {"username": "me", "password": "p/ss", "db": 3}
    assert pool.connection_class is SentinelManagedSSLConnection
    assert (pool.service_name, pool.connection_kwargs.items() >= credentials.items()) == ("mymaster", True)
    sentinels = [sentinel.connection_pool for sentinel in pool.sentinel_manager.sentinels]
    assert [sentinel.connection_class for sentinel in sentinels] == [SSLConnection] * 2
    for sentinel, host in zip(sentinels, ("a", "b"), strict=True):
        credentials = {"host": host, "username": "you", "password": "s%s"}
        assert sentinel.connection_kwargs.items() >= credentials.items()


def test_a_redis_password_that_breaks_its_url_is_refused_and_not_printed(load):
    for address in (":p/ss", "me:p/ss", ":p?ss", ":p#ss", ":p[ss", ":123/ss", "me:123/ss", ":123?ss", ":123#ss"):
        with pytest.raises(SettingsError, match=r"^REDIS_URL cannot be read: .*%2F") as caught:
            load(**PRODUCTION, REDIS_URL=f"redis://{address}@host:6379/0")
        assert not any(part in str(caught.value) for part in ("ss@", "123", address))
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_the_certificate_authorities_of_the_machine_are_named_unless_the_operator_names_others(load, monkeypatch):
    monkeypatch.setattr(config, "CERT_FILES", ("/nowhere.pem", __file__))
    for given, used in (("", __file__), ("/etc/own.pem", "/etc/own.pem")):
        monkeypatch.setenv("SSL_CERT_FILE", given)
        load()
        assert os.environ["SSL_CERT_FILE"] == used
    for url in ("rediss://h/1?ssl_ca_certs=system", "rediss+sentinel://h/x/1?ssl_ca_certs=system&protocol=3"):
        (pool_url,) = redis_url.parse(load(REDIS_URL=url).redis_url).urls
        assert "system" not in pool_url


def test_a_redis_cluster_is_refused_and_the_error_names_an_alternative(load):
    for url in ("redis+cluster://:secret@a:7000,b:7000", "rediss+cluster://a"):
        assert refusal(load, REDIS_URL=url) == (
            "REDIS_URL: Redis Cluster is not supported. Use a single Redis server, or Sentinel."
        )


def test_the_backup_folder_is_made_for_its_owner_or_refused(tmp_path):
    folder = tmp_path / "some" / "backups"
    assert backup_folder.problem(str(folder)) is None
    assert (list(folder.iterdir()), folder.stat().st_mode & 0o777) == ([], 0o700)
    (tmp_path / "file").touch()
    for wrong, why in ((tmp_path / "file", "File exists"), (tmp_path / "file" / "x", "Not a directory")):
        assert backup_folder.problem(str(wrong)) == (
            f"BACKUP_DIR is '{wrong}', which is not writable ({why}): give the user that runs the server "
            "write access, or choose another folder."
        )
