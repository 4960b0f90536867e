"""The lines of Python in docs/api.md, with a real server over a faulty network."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.request import Request, urlopen

from support.programs.patience import PATIENCE_S
from support.programs.processes import ROOT

RECIPE = re.compile(r"```python\n(import requests\n.*?)```", re.DOTALL)
LOST, BUSY = "the response is lost", "the server is busy"


@contextmanager
def faulty_line(port: int, *faults: str) -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a proxy, and the bodies it received. Each of the first requests has a fault."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fault = dict(enumerate(faults)).get(len(bodies))
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            if fault == BUSY:
                self.send_response(503)
                self.send_header("Retry-After", "0")
                self.end_headers()
                return
            request = Request(f"http://127.0.0.1:{port}{self.path}", bodies[-1], {"Content-Type": "application/json"})
            with urlopen(request, timeout=PATIENCE_S) as response:
                received = response.read()
            if fault != LOST:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(received)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        Thread(target=proxy.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}", bodies
        finally:
            proxy.shutdown()


def test_a_visit_of_the_python_recipe_counts_once_over_a_faulty_network(server, capsys):
    (recipe,) = RECIPE.findall((ROOT / "docs" / "api.md").read_text())
    with faulty_line(server.port, LOST, BUSY, LOST) as (url, bodies):
        lines = recipe.replace("https://koyjabo.example", url).replace('"https://"', '"http://"')
        exec(lines.replace("backoff_factor=1", "backoff_factor=0.001"), {})
    assert capsys.readouterr().out == "1\n"
    assert [json.loads(body)["visitId"] for body in bodies] == ["monday"] * 4
    assert server.database.rows("SELECT count(*) FROM visits") == [(1,)]
