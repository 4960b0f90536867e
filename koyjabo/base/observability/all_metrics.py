"""All metrics of the server (a test compares them with docs/operations.md)."""

from prometheus_client.core import CounterMetricFamily

from .metric import Gauge, Metric

WORKERS_GAUGE = Gauge("koyjabo_workers", "running workers", sum)
CONNECTIONS_GAUGE = Gauge("koyjabo_connections", "open sockets", sum, "kind")
ACTIVE_VISITORS_GAUGE = Gauge("koyjabo_active_visitors", "active visitors of the site", max)
COMMUNITY_CONNECTIONS_GAUGE = Gauge(
    "koyjabo_community_connections",
    "sockets in community rooms: the 50 largest of each worker, and the rest as `other`",
    sum,
    "community",
)
WAITING_VISITS_GAUGE = Gauge("koyjabo_visits_waiting", "visits waiting for their commit", sum)
OLDEST_VISIT_GAUGE = Gauge(
    "koyjabo_oldest_visit_waiting_seconds", "how long the oldest of these visits has waited", max
)
REFUSED_MESSAGES_GAUGE = Gauge(
    "koyjabo_bus_messages_refused", "messages from Redis that could not be used", sum, family=CounterMetricFamily
)
UNPROJECTED_VISITS_GAUGE = Gauge("koyjabo_visits_unprojected", "visits that are not in reports yet", max)
LOOP_LAG_GAUGE = Gauge("koyjabo_loop_lag_seconds", "how late a worker is with the work it does every second", max)
FREE_DISK_GAUGE = Gauge(
    "koyjabo_disk_free_bytes", "free space on the disk of the SQLite file; absent with PostgreSQL", min
)
DATABASE_GAUGE = Gauge("koyjabo_database_up", "1 while the database responds to all workers", min)
REDIS_GAUGE = Gauge("koyjabo_redis_up", "1 while Redis responds to all workers; absent without Redis", min)
BACKUP_TIME_GAUGE = Gauge(
    "koyjabo_backup_proven_timestamp_seconds",
    "time of the newest verified backup, in seconds since 1970; absent before the first",
    max,
)
BACKUP_SIZE_GAUGE = Gauge("koyjabo_backup_bytes", "size of that backup's file", max)
BACKUP_FAILURES_GAUGE = Gauge(
    "koyjabo_backup_failures_total",
    "failed backups in the audit log; absent if the server makes no backups",
    max,
    family=CounterMetricFamily,
)
BUILD_GAUGE = Gauge("koyjabo_build_info", "always 1; the label gives the running version", max, "version")
GAUGES = tuple(value for value in list(vars().values()) if isinstance(value, Gauge))

LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
DURATION_BUCKETS_S = (1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600)
CONNECTIONS_OPENED = Metric("koyjabo_connections_opened", "sockets that were opened", "kind")
CONNECTION_DURATION = Metric(
    "koyjabo_connection_duration_seconds", "how long sockets stayed open", None, DURATION_BUCKETS_S
)
RECONNECTIONS_COUNTED = Metric(
    "koyjabo_reconnections", "sockets opened by clients that lost a connection less than a minute earlier"
)
MESSAGES_SENT = Metric("koyjabo_messages_sent", "messages written to sockets, by event", "type")
MESSAGES_RECEIVED = Metric("koyjabo_messages_received", "messages received from sockets", "type")
ERRORS_COUNTED = Metric("koyjabo_errors", "errors, by error code, refusal reason or log line", "kind")
COMMIT_DURATION = Metric(
    "koyjabo_commit_seconds",
    "time from a visit's request to its commit, for the first visit in each batch",
    None,
    LATENCY_BUCKETS_S,
)
COMMIT_VISITS = Metric(
    "koyjabo_commit_visits", "visits per commit; the sum is the number of visits", None, BATCH_BUCKETS
)
COMMIT_TO_CLIENT = Metric(
    "koyjabo_commit_to_client_seconds",
    "time from a visit's commit until it is written to the worker's last socket",
    None,
    LATENCY_BUCKETS_S,
)
LEDGER_ROLLBACKS = Metric("koyjabo_ledger_rollbacks", "times the database was found to be rolled back")
DROPPED_ITEMS = Metric(
    "koyjabo_dropped", "what was dropped because too much was waiting, from the address with the most", "kind"
)
LOG_LINES_DROPPED = Metric(
    "koyjabo_log_lines_dropped", "log lines dropped because their reader was stuck or no space was left"
)
ATTENDANCE_WRITES = Metric(
    "koyjabo_attendance_write_seconds", "time of each transaction that writes attended time", None, LATENCY_BUCKETS_S
)
ATTENDANCE_ROWS = Metric("koyjabo_attendance_rows", "visits whose attended time was written")
