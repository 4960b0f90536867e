"""Starts the server: checks what it needs, loads the application, prepares the database, and listens."""

import resource
from contextlib import suppress

from . import loading, metrics_folder
from .children import BAD_SETTINGS, refuse
from .listening_socket import UnusableSocket, bind, passed
from .parent import Parent

MIN_FILES = 64
"""Minimum limit on open files. Workers raise it further, if the system allows."""


def start() -> int:
    """Serve until a signal. Returns the exit status: 0, or 2 if the operator must fix a setting or the database."""
    if not _may_open_files():
        refuse(f"The limit on open files is below {MIN_FILES}. Raise it, as with ulimit -n 65536.")
        return BAD_SETTINGS
    parent = Parent()
    lock = metrics_folder.create()
    try:
        given = passed()
        settings = loading.load_settings(starts=True)
        if settings is None:
            return BAD_SETTINGS
        # Take the port before the database is prepared, which prints the first password.
        listener = given or bind(settings.host, settings.port)
        application = loading.load_application(settings, prepares=True)
        if application is None:
            return BAD_SETTINGS
        listener.listen()
    except UnusableSocket as error:
        refuse(str(error))
        return BAD_SETTINGS
    except Exception:
        parent.log().exception("start_failed")
        return BAD_SETTINGS
    else:
        is_development = settings.environment == "development"
        words = announcement(listener.url, is_development, loading.new_login_token(settings))
        return parent.serve(application, listener, lock, words)
    finally:
        metrics_folder.remove()


def announcement(site: str, is_development: bool, login_token: str | None = None) -> str:
    """The text to print when the server responds. In development, it mentions the panel before the home page, because
    opening the home page counts a visit. The link that logs in is printed and never logged.
    """
    if not is_development:
        return f"Koy Jabo Live is serving on {site} (stop it with Ctrl+C)"
    words = (
        f"Koy Jabo Live is serving. Open the panel: {site}/admin (stop the server with Ctrl+C)\n"
        f"What visitors see: {site} (your visit is counted when you open it)"
    )
    if login_token is None:
        return words
    return f"{words}\nLog in without a password, once and within an hour: {site}/login/link/{login_token}"


def _may_open_files() -> bool:
    """Raise a lower limit on open files to MIN_FILES. Returns False if the system does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < MIN_FILES:  # -1 is no limit
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (MIN_FILES, hard))
    return not 0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[0] < MIN_FILES
