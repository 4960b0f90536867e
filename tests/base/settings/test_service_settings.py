"""Settings of other services: databases, Redis, mail servers and the folder of backups."""

import pytest
from base.settings.test_config import PRODUCTION, refusal
from psycopg2.extensions import parse_dsn
from redis.connection import SSLConnection, parse_url
from redis.sentinel import SentinelManagedSSLConnection

from config import SettingsError
from koyjabo.base.cluster import redis_client
from koyjabo.base.database.postgres import dsn
from koyjabo.base.settings import backup_folder, redis_url
from koyjabo.base.settings.database_url import for_libpq

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
PASSED_ON = [
    "postgresql://user:p%40ss%2Fw%3Frd@host:5433/my%20db",
    "postgres://user:a+b@host/x?application_name=a+b&options=-c%20search_path%3Dpublic",
    "postgres:///x?host=/run/postgresql&user=me",
    "postgresql://%2Frun%2Fpostgresql/x",
    "postgresql://u%73er@%68ost/a%25b%3Fc",
    "postgresql://[2001:db8::1]:5433/x",
    "postgresql://:5433/x?hostaddr=192.0.2.1",
    "postgresql://host/x?sslmode=require&sslmode=disable",
]
"""URLs in the forms that libpq's own tests have."""
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
