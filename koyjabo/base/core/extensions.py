"""Flask extensions, created here and initialised in `create_app`."""

from flask_jwt_extended import JWTManager
from flask_socketio import SocketIO
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
socketio = SocketIO()
jwt = JWTManager()
