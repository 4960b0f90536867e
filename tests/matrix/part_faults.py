"""PostgreSQL, Redis and a folder of backups that refuse one part."""

from __future__ import annotations

import subprocess
import uuid

from matrix.behind_faults import Behind, OnRedis

RIGHTS = {
    "INSERT on events": "INSERT ON events",
    "SELECT on users": "SELECT ON users",
    "INSERT on visits": "INSERT ON visits",
    "SELECT on counters": "SELECT ON counters",
    "USAGE of sequences": "USAGE ON ALL SEQUENCES IN SCHEMA public",
    "UPDATE of sequences": "UPDATE ON ALL SEQUENCES IN SCHEMA public",
    "USAGE of the schema": "USAGE ON SCHEMA public",
    "CONNECT": "CONNECT ON DATABASE {database}",
}
ROWS = {"rows of visits": "visits", "rows of users": "users"}
"""Tables whose rows a policy hides from roles other than their owner."""

TABLE_RIGHTS = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
REDIS_PARTS = {
    "EVAL": "ACL SETUSER default -eval -evalsha",
    "PUBLISH": "ACL SETUSER default -publish",
    "SUBSCRIBE": "ACL SETUSER default -subscribe",
    "INFO": "ACL SETUSER default -info",
    "keys": "ACL SETUSER default resetkeys ~another:*",
    "channels": "ACL SETUSER default resetchannels &another:*",
    "replicas": "CONFIG SET min-replicas-to-write 1",
}
ALL_OF_REDIS = ("ACL SETUSER default +@all allkeys allchannels", "CONFIG SET min-replicas-to-write 0")


class PartOfPostgres(Behind):
    """A role that owns nothing and has its rights by GRANT."""

    def set_up(self) -> None:
        self.database = self.postgres.new_database()
        self.role = f"role_{uuid.uuid4().hex}"
        self.rights = {part: right.format(database=self.database.name) for part, right in RIGHTS.items()}
        self.database.rows(f"CREATE ROLE {self.role} LOGIN")
        for right in (self.rights["USAGE of the schema"], self.rights["CONNECT"]):
            self.database.rows(f"REVOKE {right} FROM PUBLIC")
        for right in (TABLE_RIGHTS, *self.rights.values()):
            self.database.rows(f"GRANT {right} TO {self.role}")
        self.settings["DATABASE_URL"] = self.database.url.replace("postgres@", f"{self.role}@", 1)

    def distort(self) -> None:
        self._change("REVOKE {} FROM {}", "ENABLE")
        if self.surface == "CONNECT":
            self.database.cut_connections()

    def mend(self) -> None:
        self._change("GRANT {} TO {}", "DISABLE")

    def _change(self, right: str, row_security: str) -> None:
        table = ROWS.get(self.surface)
        change = f"ALTER TABLE {table} {row_security} ROW LEVEL SECURITY" if table else right
        self.database.rows(change.format(self.rights.get(self.surface), self.role))


class PartOfRedis(OnRedis):
    def distort_service(self) -> None:
        self._run(REDIS_PARTS[self.surface])
        self.line.cut()

    def mend_service(self) -> None:
        for command in ALL_OF_REDIS:
            self._run(command)

    def _run(self, command: str) -> None:
        with self.redis.client() as client:
            client.execute_command(*command.split())


class PartOfBackups(Behind):
    """A folder of backups that becomes read-only."""

    def set_up(self) -> None:
        self.backups = self.folder / "backups"
        self.backups.mkdir()
        self.settings["BACKUP_DIR"] = self.backups

    def distort(self) -> None:
        subprocess.run(["mount", "--bind", self.backups, self.backups], check=True)
        self.stack.callback(subprocess.run, ["umount", self.backups], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", self.backups], check=True)

    def mend(self) -> None:
        self.stack.close()
