"""`wsgi:app` for any WSGI server. Run as a script, it starts the server of this package."""

import sys

if __name__ == "__main__":
    from koyjabo.server import serve

    sys.exit(serve())

from koyjabo import create_app
from koyjabo.web.assets import static_files

static_files.require_all()
app = create_app()
