"""`wsgi:app` for any WSGI server; run as a script, it starts ours."""

import sys

if __name__ == "__main__":
    from koyjabo.server import serve

    sys.exit(serve())

from koyjabo import create_app

app = create_app()
