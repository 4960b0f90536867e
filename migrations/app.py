"""The application for `flask --app migrations/app.py db …`, by which a developer writes the next migration."""

from flask_migrate import Migrate

from koyjabo import create_app
from koyjabo.core.extensions import db
from koyjabo.database.engine import MIGRATIONS

app = create_app()
Migrate(app, db, directory=str(MIGRATIONS))
