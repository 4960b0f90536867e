"""The rows of the table *premises* about databases and Redis (`premises.py` explains their three lines)."""

DATABASE_ROWS = """
PostgreSQL: a transaction waits for a locked row, and then reads what the other one has left
    Transaction Isolation, Read Committed | visit numbers have no gaps | holds anyway
    counting/test_ledger_postgres.py::test_a_batch_sees_all_rows_committed_while_it_waited_for_the_lock
PostgreSQL: a transaction is read committed and may write unless a default says otherwise
    Client Connection Defaults, default_transaction_isolation | changes at once keep the limits | accepted
    with `serializable`, visits count, and one of two changes at once gets 503 and can be sent again
PostgreSQL: a confirmed commit has reached the disk
    Reliability, Asynchronous Commit | an acknowledged visit is on disk | holds anyway
    base/database/test_pgbouncer.py::test_a_commit_waits_for_the_disk_and_stores_unicode_whatever_the_operator_sets
PostgreSQL: the disk keeps what `fsync` and `full_page_writes` wrote
    Write Ahead Log, Settings | an acknowledged visit is on disk | said
    upkeep/health/test_health_warnings.py::test_the_unsafe_settings_of_postgresql_are_found
PostgreSQL: after a crash, all confirmed commits are there
    Reliability, Write-Ahead Logging | an acknowledged visit is on disk | holds anyway
    base/database/test_failures.py::test_no_acknowledged_visit_is_lost_when_postgresql_and_the_server_are_killed
PostgreSQL: a client learns whether its commit has happened
    Frontend/Backend Protocol, Termination | a visit is counted exactly once | holds anyway
    counting/test_ledger_postgres.py::test_a_visit_is_counted_once_although_its_commit_is_not_confirmed
PostgreSQL: no second row gets into a unique index
    Index Uniqueness Checks | a retry gets the same visit number | holds anyway
    counting/test_ledger_postgres.py::test_a_visit_that_another_server_stored_first_counts_once
PostgreSQL: a standby has what its primary has confirmed
    Log-Shipping Standby Servers, Synchronous Replication | no total falls | said
    counting/test_rollback.py::test_all_workers_continue_above_the_last_acknowledged_visit
PostgreSQL: commits that wait for a standby are not confirmed by a restart of the primary
    Synchronous Replication, Planning for High Availability | an acknowledged visit is kept | accepted
    PostgreSQL treats them as complete; docs/failover.md names this risk
PostgreSQL: every user may see how far standbys are
    The Cumulative Statistics System, pg_stat_replication | *Server* knows asynchronous standbys | said
    base/database/test_standby.py::test_the_health_report_counts_standbys_and_synchronous_standbys
PostgreSQL: of several hosts, the one that accepts writes is used
    libpq, target_session_attrs | counting continues within 10 s | holds anyway
    behind: first of two hosts / read-only
PostgreSQL: a promoted standby begins a higher timeline
    Continuous Archiving, Timelines | an old primary counts nothing | refused
    base/database/test_standby.py::test_a_promoted_standby_takes_over_and_its_old_primary_is_not_used
PostgreSQL: a database server has its own system identifier
    System Information Functions, pg_control_system | an old primary counts nothing | accepted
    services that hide it are never refused, as docs/failover.md says
PostgreSQL: a server keeps its rows while it restarts
    Backup and Restore, File System Level Backup | no visit number is given twice | holds anyway
    counting/test_rollback.py::test_a_worker_asks_the_others_before_it_commits_on_another_database_server
PostgreSQL: a setting of a transaction ends with it
    SET, LOCAL | a pooled connection keeps nothing of ours | holds anyway
    counting/test_ledger_postgres.py::test_the_time_limits_end_with_the_transaction_of_the_ledger
PostgreSQL: a prepared statement stays valid while its connection lasts
    PREPARE, Notes | a failed request is not counted | holds anyway
    counting/test_ledger_postgres.py::test_a_visit_counts_once_although_its_connection_has_lost_the_prepared_statements
PostgreSQL: the types of a statement's columns stay what they were
    ALTER TABLE, Notes | servers of two versions count on one database | holds anyway
    counting/test_ledger_postgres.py::test_a_visit_counts_after_a_migration_changed_the_type_of_a_column
PostgreSQL: an idle connection stays open
    Client Connection Defaults, idle_session_timeout | a failed request is not counted | holds anyway
    counting/test_ledger_postgres.py::test_a_connection_that_was_killed_while_idle_is_opened_again
PostgreSQL: an advisory lock is free as soon as its session has ended
    Explicit Locking, Advisory Locks | one server migrates | said
    base/database/test_pgbouncer.py::test_a_server_that_finds_the_migration_lock_held_names_the_holder_and_gives_up
PostgreSQL: a change of a table waits for the transactions that use it
    Explicit Locking, Table-Level Locks | a migration loses no visit | waits
    base/database/test_migrations.py::test_a_migration_waits_until_the_batches_of_visits_that_have_begun_are_stored
PostgreSQL: after an error, the rest of a transaction is refused unless a savepoint is restored
    SAVEPOINT | one visit that cannot be stored fails no other | holds anyway
    base/database/test_executor.py::test_a_transaction_continues_after_the_database_has_refused_a_part_of_it
PostgreSQL: the moment of a transaction is the moment of its commit
    Date/Time Functions, Current Date/Time | a visit is filed on its day | holds anyway
    counting/test_ledger_postgres.py::test_a_commit_that_waited_past_midnight_has_a_receipt_of_the_new_day
PostgreSQL: two sessions name one server and moment alike
    Date/Time Types, Time Zones | a rolled-back database is noticed | holds anyway
    counting/test_ledger_postgres.py::test_connections_in_two_time_zones_have_the_same_name_for_their_server
PostgreSQL: a text may have every character
    Character Types | a visit counts with any page and referrer | holds anyway
    counting/test_register_fields.py::test_a_character_that_a_database_cannot_store_is_replaced
PostgreSQL: a snapshot shows one moment, however long it is read
    Transaction Isolation, Repeatable Read | a backup agrees with its ledger | holds anyway
    upkeep/backups/test_backup.py::test_a_backup_has_all_rows_as_of_one_moment
PostgreSQL: the server that answers may write
    Hot Standby | a failed request gets 503 and is not counted | waits
    behind: PostgreSQL / read-only
PostgreSQL: a full disk fails the commit and keeps the rest
    Monitoring Disk Usage, Disk Full Failure | a failed request gets 503 and is not counted | waits
    behind: PostgreSQL / full
PostgreSQL: a server that cannot answer closes its connections
    Client Connection Defaults, tcp_user_timeout | a request ends within its limit | waits
    behind: PostgreSQL / silent
PostgreSQL: the server is who its certificate says
    libpq, SSL Support | visits are stored where the operator said | refused
    behind: PostgreSQL / wrong certificate
PostgreSQL: the order of texts stays what it was
    ALTER COLLATION, Notes | a visit is counted exactly once | holds anyway
    base/database/test_byte_order.py::test_no_column_and_no_index_depends_on_the_order_of_the_database
PostgreSQL: sequences follow a logical replication
    Logical Replication, Restrictions | logins work, and visits of communities count | holds anyway
    base/database/test_sequences.py::test_a_sequence_that_falls_behind_while_serving_refuses_nothing
PostgreSQL: a right on a table includes its sequences
    GRANT, Notes | logins work, and visits of communities count | refused
    base/database/test_sequences.py::test_a_role_that_may_not_use_sequences_is_refused_with_the_grants_it_needs
PostgreSQL: a role keeps its rights
    REVOKE | a failed request gets 503, and the log and `/readyz` name the GRANT | said
    base/database/test_sequences.py::test_a_right_that_a_role_lost_while_serving_is_an_outage_that_names_the_grant
PostgreSQL: the schema of our tables may be used
    Schemas and Privileges, ALTER SCHEMA | a failed request gets 503; the log is quiet | said
    parts: USAGE of the schema / while serving
PostgreSQL: who may read a table sees its rows
    Row Security Policies | logins work | refused
    base/database/test_sequences.py::test_a_table_that_row_security_hides_ends_the_start_unless_there_is_a_policy
PostgreSQL: a connection that is open is not closed because of a right
    GRANT, CONNECT | visits are refused, not lost, and count again | waits
    parts: CONNECT / while serving
Redis: who may run a command may run it on our keys and channels
    ACL, key permissions, Pub/Sub channels | visits are counted and shown; the log is quiet | said
    parts: keys / while serving
PostgreSQL: nobody writes while a dump is restored
    Backup and Restore, Restoring the Dump | a failed request gets 503 and is not counted | waits
    counting/test_ledger_postgres.py::test_half_of_a_restored_dump_is_an_outage_and_no_error_of_the_program
PgBouncer: a client of a transaction pool finds no state of another one
    Features, transaction pooling | a pooled connection keeps nothing of ours | holds anyway
    base/database/test_pgbouncer.py::test_the_connections_of_a_pool_keep_no_setting_and_no_lock_of_a_client
PgBouncer: a pooler connects only to the primary
    Configuration, server_lifetime and DNS | an old primary counts nothing | accepted
    a pooler that moves back may count for a second there; docs/failover.md says so
pgpool-II: a read shows what was committed before
    Load Balancing, load_balance_mode | logins work, and receipts are right | holds anyway
    base/database/test_pgpool.py::test_a_server_behind_pgpool_counts_and_logs_in_although_the_standby_is_late
SQLite: what was committed is there after the process was killed
    Write-Ahead Logging, How WAL Works | an acknowledged visit is on disk | holds anyway
    counting/test_ledger_model.py::test_kill_9_loses_no_acknowledged_visit
SQLite: one connection writes at a time, and readers see whole transactions
    Write-Ahead Logging, Concurrency | two servers count exactly | holds anyway
    counting/test_ledger_model.py::test_a_visit_that_one_server_acknowledged_is_shown_and_recognised_by_the_other_server
SQLite: no code closes another descriptor of the file, which would end its locks
    How To Corrupt, POSIX advisory locks canceled by a separate thread | the file stays whole | holds anyway
    base/database/test_sqlite_files.py::test_a_check_of_the_file_mode_releases_no_lock
SQLite: a file in use is not renamed or replaced
    How To Corrupt, Unlinking or renaming a database file while in use | no visit goes to a lost file | holds anyway
    counting/test_rollback.py::test_a_replaced_sqlite_file_is_not_mixed_with_the_log_of_the_old_one
SQLite: a file in use is not deleted
    How To Corrupt, Unlinking or renaming a database file while in use | no site restarts at zero in silence | waits
    counting/test_rollback.py::test_a_deleted_sqlite_file_is_not_created_again
SQLite: a file has one name, so that all its connections share one log
    How To Corrupt, Multiple links to the same file | an acknowledged visit is kept | accepted
    two servers that use one file by two hard links or bind mounts lose visits; a symlink is no second name
SQLite: a write-ahead log belongs to the file that has its name
    How To Corrupt, Unlinking or renaming a database file while in use | the file stays whole | holds anyway
    base/database/test_sqlite_files.py::test_a_write_ahead_log_with_the_inode_number_of_a_deleted_log_is_kept
SQLite: no connection is carried across a fork
    How To Corrupt, Carrying an open database connection across a fork | the file stays whole | holds anyway
    server/process/test_startup.py::test_the_parent_loads_the_settings_and_shares_no_files_or_random_state_with_workers
SQLite: the last connection may checkpoint and delete the log
    Write-Ahead Logging, Avoiding Excessively Large WAL Files | the file stays whole | holds anyway
    base/database/test_sqlite_files.py::test_the_last_connection_to_a_file_is_not_closed_while_another_connection_is_opened
SQLite: a lock of another program is short
    Result Codes, SQLITE_BUSY | a failed request gets 503 and is not counted | waits
    behind: disk / silent
SQLite: the disk has room for the log
    Result Codes, SQLITE_FULL | a failed request gets 503 and is not counted | waits
    base/database/test_failures.py::test_visits_are_refused_while_the_disk_is_full_and_stored_again_afterwards
SQLite: the file and its folder are writable
    Result Codes, SQLITE_READONLY | a failed request gets 503 and is not counted | waits
    behind: disk / read-only
SQLite: the file has the format that its header names
    Result Codes, SQLITE_NOTADB | a start that cannot work ends with a sentence | refused
    behind: disk / wrong protocol
SQLite: a column has only values of its type
    Datatypes In SQLite, Flexible typing | a backup is restored exactly | refused
    upkeep/backups/test_backup_files.py::test_a_backup_with_impossible_values_changes_nothing
SQLite: the folder of the file outlives its container
    Temporary Files | an acknowledged visit is kept | refused
    base/settings/test_config.py::test_a_sqlite_file_on_temporary_storage_is_refused_unless_the_operator_allows_it
SQLite: processes of one machine share memory
    Write-Ahead Logging, Overview | a start that cannot work ends with a sentence | refused
    base/database/test_migrations.py::test_a_file_system_without_locks_or_shared_memory_is_refused
SQLite: "locked" means that another connection has a lock
    Result Codes, SQLITE_BUSY | a start that cannot work ends with a sentence | refused
    base/database/test_migrations.py::test_a_file_system_without_locks_or_shared_memory_is_refused
SQLite: an empty file is a new database
    Database File Format, The Database File | the total of a site continues | refused
    upkeep/backups/test_lost_databases.py::test_a_lost_sqlite_file_is_not_begun_again_unless_the_operator_says_so
Alembic: only we have a table `alembic_version`
    EnvironmentContext.configure, version_table | a start that cannot work ends with a sentence | refused
    base/database/test_migrations.py::test_a_database_of_another_program_is_refused_unless_the_tables_have_other_names
Redis: a key is gone when its time has passed
    EXPIRE, How Redis expires keys | a killed worker's people leave | holds anyway
    presence/members/test_members_outage.py::test_the_people_of_a_killed_worker_leave_at_once_when_their_leases_end
Redis: a key stays until its time has passed
    Key eviction | a member who is there does not leave | holds anyway
    presence/members/test_members_outage.py::test_no_member_leaves_when_all_leases_have_expired_or_were_lost
Redis: a message reaches each subscriber
    Pub/Sub, Delivery semantics | all pages agree | holds anyway
    realtime/test_bus_redis_away.py::test_visits_are_counted_and_pushed_while_redis_is_down
Redis: a subscriber that was slow gets its messages while they are new
    Client handling, Output buffer limits | totals never fall on a page | holds anyway
    base/cluster/test_redis_workers.py::test_a_message_that_redis_did_not_return_in_time_is_never_delivered_later
Redis: messages of one connection arrive in their order
    Pub/Sub | revisions only increase | holds anyway
    base/cluster/test_redis_workers.py::test_every_worker_receives_messages_in_the_order_of_the_calls
Redis: a script runs whole, and no other command between
    Scripting with Lua, Atomicity | a person counts once | holds anyway
    presence/visitors/test_visitors_redis.py::test_an_offered_visitor_goes_to_exactly_one_of_many_workers
Redis: a script that was loaded is known
    Scripting with Lua, Script cache | no request waits for Redis | holds anyway
    base/cluster/test_redis_workers.py::test_redis_receives_the_text_of_an_unknown_script
Redis: data outlives a restart
    Persistence | totals never fall | holds anyway
    counting/test_rollback.py::test_a_worker_shares_its_acknowledged_totals_again_after_redis_has_lost_its_data
Redis: a replica has what its master has acknowledged
    Replication | numbers are right within 15 s of a failover | holds anyway
    presence/visitors/test_visitors_redis.py::test_leases_are_sent_again_to_a_replica_that_lacks_the_newest_ones
Redis: a master that Sentinels replaced has no clients
    High availability with Sentinel | all workers agree | holds anyway
    base/cluster/test_redis_workers.py::test_a_worker_leaves_a_replaced_redis_master_although_the_master_continues_to_serve
Redis: one server has all keys
    Redis cluster specification, MOVED Redirection | all workers agree | refused
    base/cluster/test_redis_workers.py::test_a_start_with_a_node_of_a_redis_cluster_fails
Redis: memory is left for a write
    Key eviction, noeviction | no request waits for Redis | said
    behind: Redis / full
Redis: one more client may connect
    Client handling, Maximum concurrent connected clients | all pages agree | said
    base/cluster/test_redis_workers.py::test_a_redis_that_accepts_no_further_client_refuses_the_listener
Redis: the user may run the commands that we use
    ACL | no request waits for Redis | said
    behind: Redis / wrong password
Redis: the server that answers is no replica
    Replication, Read-only replica | no request waits for Redis | said
    behind: Redis / read-only
Redis: the clock of its machine only goes forwards
    EXPIRE, Expires and persistence | a killed worker's people leave | holds anyway
    time: leases / step while running
Redis: a server that replies accepts writes
    Persistence, stop-writes-on-bgsave-error | workers share who is present; the log is quiet | said
    base/cluster/test_redis_workers.py::test_a_redis_that_refuses_a_write_is_named_once_and_returns_only_after_it_writes
Redis: a master has enough replicas for a write
    Replication, min-replicas-to-write | workers share who is present; the log is quiet | said
    parts: replicas / while serving
Sentinel: one of the Sentinels responds
    Sentinel client spec, Redis service discovery | the known master is used; the log is quiet | holds anyway
    behind: Sentinel / silent
"""
