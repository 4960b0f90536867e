"""What happens to a database and its servers under a distortion of the table *versions*."""

from functools import partial

from support.databases.database import EMPTY, SqliteDatabase
from support.programs.ports import free_port
from support.servers.server import Server

from matrix.builds import BuiltServer, build
from matrix.things import START, THINGS
from matrix.versions import BESIDE, BUILDS, NOW, PAGE_SERVERS, SERVERS

REFUSED_START = 2


class Scenario:
    """Rows of one kind. They share a database and its servers. `server` is the one in use."""

    def __init__(self, rows, kind, place, folder, fixture):
        self.kind, self.place, self.folder, self.fixture = kind, place, folder, fixture
        self.database, self.port, self.servers = self.new_database(), free_port(), []
        self.things = {row: THINGS[row](self) for row in rows}
        self.errors, self.refusal = {}, ""  # of rows, and of the last version that did not start

    def run(self, how, earlier):
        """Serve as the distortion says, with all things in use, and count the visits."""
        self.files = SERVERS[how][0].format(earlier)
        versions = [name.format(earlier) for name in (PAGE_SERVERS if self.kind == "page" else SERVERS)[how]]
        if how == BESIDE:
            # The older build starts second, because it is the one that refuses.
            self.serve_beside(*(versions if earlier == BUILDS[0] else (NOW, earlier)))
        else:
            self.serve_in_turn(versions)
        assert self.database.rows("SELECT count(*) FROM visits") == [(self.server.stats().total - START,)]
        self.command("verify")
        self.stop()

    def serve_in_turn(self, versions):
        for number, version in enumerate(versions):
            self.stop()
            if not self.starts(version):
                if self.kind == "backup":
                    self.database, self.refusal = self.new_database(), ""
                self.starts(version if self.kind == "backup" else NOW)
            if self.kind != "backup" or number in (0, len(versions) - 1):
                self.use()

    def serve_beside(self, first, second):
        self.starts(first)
        self.use()
        server, self.port = self.server, free_port()
        if self.starts(second):
            self.use()
        self.server = server
        self.use()

    def starts(self, version):
        """Start a server of a version. Returns whether it serves: if not, it has refused the database."""
        kind = Server if version == NOW else partial(BuiltServer, build(version))
        self.server = kind(self.database, self.folder, STARTING_TOTAL=START, PORT=self.port)
        self.servers.append(self.server)
        try:
            self.server.start()
        except AssertionError:
            assert self.server.wait().status == REFUSED_START, self.server.log
            self.refusal = self.server.log
        return self.server.running

    def stop(self):
        for server in self.servers:
            assert not server.running or server.stop().status == 0, server.log

    def use(self):
        for row, steps in self.things.items():
            self.attempt([row], partial(next, steps))

    def attempt(self, rows, step):
        try:
            step()
        except Exception as error:
            self.errors = dict.fromkeys(rows, error) | self.errors

    def command(self, *arguments):
        done = self.server.koyjabo(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def new_database(self):
        if self.place == "SQLite":
            return SqliteDatabase(self.folder / f"{free_port()}.db")
        return self.fixture("postgres").new_database(EMPTY)

    def close(self):
        for steps in self.things.values():
            steps.close()
        for server in self.servers:
            server.kill()
