"""`python -m koyjabo …`, the same as `koyjabo …`."""

from .cli import main

main(prog_name="koyjabo")
