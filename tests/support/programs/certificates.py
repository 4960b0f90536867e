"""Certificates that no other machine trusts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.programs.installed import program


def new_certificate(folder: Path, host: str = "localhost") -> Path:
    """A file with a certificate for `host` and its key."""
    file, kind = folder / f"{host}.pem", "IP" if host[0].isdigit() else "DNS"
    name = ["-subj", f"/CN={host}", "-addext", f"subjectAltName={kind}:{host}", "-days", "2"]
    command = [
        program("openssl", "on Debian: apt-get install openssl"),
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]
    made = subprocess.run([*command, *name, "-keyout", file], check=True, capture_output=True)
    with file.open("ab") as both:
        both.write(made.stdout)
    return file
