"""`python -m koyjabo …`, the same as `koyjabo …`."""

from koyjabo.cli import main

main(prog_name="koyjabo")
