"""nginx with Nchan, and GET /emit?n=K, which publishes K updates. Usage: push_nchan.py NGINX MODULE. Setting: PORT.

Without updates, one is published to a channel without subscribers, so that both kinds of trigger cost the same.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

from update import next_update

PORT = int(os.environ["PORT"])
CONFIGURATION = """
load_module {module};
daemon off;
worker_rlimit_nofile 20000;
pid {folder}/pid;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        location = / {{ nchan_subscriber websocket; nchan_channel_id stats; nchan_subscriber_first_message newest; }}
        location ~ ^/publish/(.+)$ {{ nchan_publisher http; nchan_channel_id $1; }}
        location = /emit {{ proxy_pass http://127.0.0.1:{trigger}; }}
    }}
}}
"""


class Trigger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        channels = ["stats"] * int(self.path.rpartition("=")[2]) or ["nobody"]
        t0 = time.monotonic_ns()
        text = json.dumps(next_update(), separators=(",", ":")).encode()
        for channel in channels:
            urlopen(f"http://127.0.0.1:{PORT}/publish/{channel}", text).close()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"t0={t0};".encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main(nginx: str, module: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with tempfile.TemporaryDirectory() as folder, HTTPServer(("127.0.0.1", 0), Trigger) as server:
        path = Path(folder, "nginx.conf")
        path.write_text(CONFIGURATION.format(module=module, folder=folder, port=PORT, trigger=server.server_address[1]))
        process = subprocess.Popen([nginx, "-c", path])
        try:
            server.serve_forever()
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
