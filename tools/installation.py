"""Installs for `make`: `installation.py venv` in a new checkout, then `packages …` with pip's arguments and `npm …`.

pip's settings about where packages come from, in its environment or its files, also hold for uv and npm. If an
installation fails, the last line says what to do.
"""

import ast
import os
import platform
import re
import shutil
import signal
import ssl
import subprocess
import sys
import sysconfig
from pathlib import Path

VENV = Path(".venv").absolute()
PYTHON = str(VENV / "bin" / "python")
MADE = VENV / "made"
"""Names the folder that the packages were installed in, because scripts contain its path (Makefile)."""

LOCKED = ("--require-hashes", "--only-binary", ":all:")
"""Options of pip and uv that install only known files, and compile nothing."""

SOURCE_SETTINGS = {
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "keyring-provider"),
    *("proxy", "cert", "client-cert", "use-feature", "use-deprecated", "timeout", "default-timeout", "retries"),
    *("cache-dir", "no-cache-dir"),
}
"""Settings of pip about where packages come from. Others, such as `user` and `target`, have no effect here."""

LIST_SETTINGS = """
from pip._internal.configuration import Configuration
configuration = Configuration(isolated=False)
configuration.load()
print(dict(configuration.items()))
"""
"""Prints all settings of pip. `pip config list` depends on `user`, and does not show which file has precedence."""

UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "client-cert": "SSL_CLIENT_CERT",
}
CACHES = {"UV_CACHE_DIR": ".cache/uv", "PIP_CACHE_DIR": ".cache/pip", "npm_config_cache": ".npm"}
"""The folders in HOME where uv, pip and npm store downloads."""

MACHINES = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
"""The systems and processors that all locked packages have binaries for."""

WHERE_IT_RUNS = "Linux with glibc on a 64-bit Intel, AMD or ARM processor"
CHECK = "Check the connection. For a proxy, a mirror or a certificate authority, use"
REMEDIES = {
    r"No space left|ENOSPC|[Qq]uota exceeded|EDQUOT": "The disk is full. Free some space, and run the command again.",
    r"npm (?:error|ERR!) .*(?:request to|network|Exit handler)": f"npm cannot reach its registry. {CHECK} `npm "
    "config set` with `proxy`, `registry` or `cafile`.",
    r"Retrying \(Retry|Could not fetch URL|ProxyError": f"pip cannot reach the package index. {CHECK} `pip config set` "
    "with `global.proxy`, `global.index-url` or `global.cert`.",
    r"No matching distribution": f"The package index does not have it for Python {platform.python_version()} on "
    f"{sysconfig.get_platform()}. Try another Python (make PYTHON=python3.13), or {WHERE_IT_RUNS}.",
    r"ensurepip is not|No module named '?(?:ensurepip|venv)": "On Debian: apt-get install python3-venv",
    r"Operation not permitted: 'lib'": "This file system has no symbolic links. Move the folder to another one.",
}
"""What to do, by what the output of a program contains. The first row that matches counts."""


def main(kind: str, *arguments: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C ends it without a traceback
    {"venv": create_venv, "packages": install_packages, "npm": run_npm}[kind](*arguments)


def create_venv() -> None:
    """Create `.venv`, without what an interrupted installation or another Python left there, and install uv."""
    if problem := unsuitable():
        sys.exit(problem)
    say("Creating .venv. The first time, installing takes a minute or two.")
    succeed(run([sys.executable, "-m", "venv", "--clear", str(VENV)], dict(os.environ)))
    done = run([PYTHON, "-m", "pip", "install", "-q", *LOCKED, "-r", "requirements/uv.txt"], environment())
    if done.returncode and remedy(done.stdout) != REMEDIES["No matching distribution"]:
        succeed(done)
    if done.returncode:
        say("uv cannot be had; pip takes its place.")
    MADE.write_text(f"{Path.cwd()}\n", encoding="utf-8")


def unsuitable() -> str:
    """Why this Python or machine cannot run the server. Empty if it can."""
    system, processor, libc = platform.system(), platform.machine(), platform.libc_ver()[0]
    python = platform.python_implementation()
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        python += " without the GIL"
    if python != "CPython":
        return f"CPython with the GIL is needed; {sys.executable} is {python}. Try: make PYTHON=/usr/bin/python3"
    if (system, processor) not in MACHINES or sys.maxsize < 2**32 or (system == "Linux" and libc != "glibc"):
        machine = f"{system}, {processor}, {'64' if sys.maxsize > 2**32 else '32'} bits, {libc or 'no glibc'}"
        return f"Packages have no binaries for this machine ({machine}). Use {WHERE_IT_RUNS}, or Docker there."
    if os.statvfs(".").f_flag & getattr(os, "ST_NOEXEC", 0):
        return "This file system runs no programs (noexec). Move the folder to another one."
    return ""


def install_packages(*arguments: str) -> None:
    """Install with uv, in a tenth of pip's time, or with pip if uv is missing or fails."""
    variables = environment()
    unfinished = MADE.rename(VENV / "installing")  # after an interruption, `make` begins with a new `.venv`
    try:
        uv = VENV / "bin" / "uv"
        if uv.exists():
            no_index = ["--no-index"] * (variables.get("PIP_NO_INDEX", "").lower() in {"1", "on", "true", "yes"})
            command = [str(uv), "pip", "install", "-q", "--python", PYTHON, *no_index, *arguments]
            if not run(command, variables).returncode:
                return
            say("uv cannot install this; pip takes its place.")
        succeed(run([PYTHON, "-m", "pip", "install", "-q", *arguments], variables))
    finally:
        unfinished.rename(MADE)


def run_npm(*arguments: str) -> None:
    options = ("--include=dev", "--loglevel=error", "--no-progress")
    done = run(["npm", *arguments, *options], environment())
    if "Exit handler never called" in done.stdout:
        done.returncode = 1  # npm 10 returns 0 after this error
    succeed(done)


def environment() -> dict[str, str]:
    """Variables for pip, uv and npm. uv and npm get pip's settings under their own names."""
    settings = pip_settings()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    kept |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    kept |= {f"PIP_{name.upper().replace('-', '_')}": value for name, value in settings.items()}
    kept |= {UV_NAMES[name]: value for name, value in settings.items() if name in UV_NAMES}
    kept["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does; the hashes decide what is installed
    kept["UV_FIND_LINKS"] = ",".join(settings.get("find-links", "").split())
    if proxy := settings.get("proxy"):
        address = proxy if "://" in proxy else f"http://{proxy}"
        kept |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), address)
    if certificates := certificate_file(settings):
        kept |= {"PIP_CERT": certificates, "SSL_CERT_FILE": certificates}
        kept.setdefault("NODE_EXTRA_CA_CERTS", certificates)
    kept.setdefault("NODE_USE_SYSTEM_CA", "1")
    for name, folder in CACHES.items():
        if not is_writable(Path.home() / folder):
            kept.setdefault(name, str(VENV / "cache" / name))
    return kept


def pip_settings() -> dict[str, str]:
    """pip's settings about where packages come from. Those for `install` precede those for all commands, and the
    environment precedes both.
    """
    done = run([PYTHON, "-c", LIST_SETTINGS], dict(os.environ))
    succeed(done)
    listed: dict[str, str] = {}
    for name, value in ast.literal_eval(done.stdout).items():
        listed |= value if isinstance(value, dict) else {name: value}  # newer versions of pip list by file
    settings = {}
    for section in ("global", "install", ":env:"):
        for name in SOURCE_SETTINGS:
            if value := listed.get(f"{section}.{name}", "").split():
                settings[name] = " ".join(value)
    return settings


def certificate_file(settings: dict[str, str]) -> str:
    """The file with the trusted authorities: pip's, or the system's, which pip before 24.2 does not read."""
    system = ssl.get_default_verify_paths()
    names = (
        settings.get("cert"),
        os.environ.get("REQUESTS_CA_BUNDLE"),
        os.environ.get("CURL_CA_BUNDLE"),
        system.cafile,
    )
    known = (*names, f"{system.capath}/ca-certificates.crt")
    return next((name for name in known if name and Path(name).is_file()), "")


def is_writable(folder: Path) -> bool:
    existing = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))
    return os.access(existing, os.W_OK | os.X_OK)


def run(command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program. Its output is shown only if it matters."""
    path = f"{VENV / 'bin'}:{variables.get('PATH', os.defpath)}"
    program = shutil.which(command[0], path=path) or command[0]
    try:
        return subprocess.run(
            [program, *command[1:]],
            env={**variables, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, f"{program}: {error.strerror}")


def succeed(done: subprocess.CompletedProcess[str]) -> None:
    """End with a failed program's last words and what to do."""
    if done.returncode:
        lines = done.stdout.strip().splitlines()
        causes = [line for line in lines if re.match(r"error|npm err\S* \w", line, re.IGNORECASE)] or lines[-1:]
        sys.exit("\n".join([*causes, remedy(done.stdout)]).rstrip())


def remedy(output: str) -> str:
    return next((text for pattern, text in REMEDIES.items() if re.search(pattern, output)), "")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
