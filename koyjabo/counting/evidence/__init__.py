"""Evidence that a person was there: attended time, inputs, automation, networks and own visits."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api",)
TABLES = ("models",)


def register(base: "Base") -> None:
    from koyjabo.presence.worker_messages import VISITOR_FORGOTTEN
    from .attendance_writer import WRITE_ATTENDANCE_S, build

    attendance = base.services.add(build(base))
    unwritten = attendance.unwritten
    base.on(base.signals.message_received, unwritten.answer, of=unwritten.REQUEST)
    base.on(base.signals.message_received, unwritten.receive, of=unwritten.RESPONSE)
    base.on(base.signals.visitor_forgotten, lambda visitor_id, scopes: attendance.forget(visitor_id))
    base.on(base.signals.message_received, lambda _, message: attendance.forget(message[0]), of=VISITOR_FORGOTTEN)
    base.every(WRITE_ATTENDANCE_S, attendance.tick)
    base.at_stop(attendance.close)
