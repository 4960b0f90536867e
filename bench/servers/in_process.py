"""What a route costs without a server: in_process.py PATH CALLS calls the application of the folder it is run in.

Prints the CPU time of a call of the WSGI application, µs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

sys.path.insert(0, os.getcwd())

from werkzeug.test import create_environ

from koyjabo import create_app

WARM_UP = 100
OK = "200"


def call(app: Callable, environ: dict[str, Any]) -> None:
    statuses = []
    answer = app(environ, lambda status, _headers, _error=None: statuses.append(status))
    for _ in answer:
        pass
    if hasattr(answer, "close"):
        answer.close()
    assert statuses[0].startswith(OK), statuses


def main(path: str, calls: int) -> None:
    app = create_app()
    environs = [create_environ(path, "http://127.0.0.1") for _ in range(WARM_UP + calls)]
    for environ in environs[:WARM_UP]:
        call(app, environ)
    began = time.thread_time_ns()
    for environ in environs[WARM_UP:]:
        call(app, environ)
    print((time.thread_time_ns() - began) / 1000 / calls)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
    sys.stdout.flush()
    os._exit(0)  # without a wait for the application's threads
