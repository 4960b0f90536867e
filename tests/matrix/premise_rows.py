"""The rows of the table *premises* (`premises.py` explains their three lines)."""

PREMISE_ROWS = """
PostgreSQL: a transaction waits for a locked row, and then reads what the other one has left
    Transaction Isolation, Read Committed | visit numbers have no gaps | holds anyway
    counting/test_ledger_postgres.py::test_a_batch_sees_all_rows_committed_while_it_waited_for_the_lock
PostgreSQL: a transaction is read committed and may write unless somebody says otherwise
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
PgBouncer: a client of a transaction pool finds no state of another one
    Features, transaction pooling | a pooled connection keeps nothing of ours | holds anyway
    base/database/test_pgbouncer.py::test_the_connections_of_a_pool_keep_no_setting_and_no_lock_of_a_client
PgBouncer: a pooler connects only to the primary
    Configuration, server_lifetime and DNS | an old primary counts nothing | accepted
    a pooler that moves back may count for a second there; docs/failover.md says so
SQLite: what was committed is there after the process was killed
    Write-Ahead Logging, How WAL Works | an acknowledged visit is on disk | holds anyway
    counting/test_ledger_model.py::test_kill_9_loses_no_acknowledged_visit
SQLite: one connection writes at a time, and readers see whole transactions
    Write-Ahead Logging, Concurrency | two servers count exactly | holds anyway
    counting/test_ledger_model.py::test_a_visit_that_one_server_acknowledged_is_shown_and_recognised_by_the_other_server
SQLite: nobody closes another descriptor of the file, which would end its locks
    How To Corrupt, POSIX advisory locks canceled by a separate thread | the file stays whole | holds anyway
    base/database/test_sqlite_files.py::test_a_check_of_the_file_mode_releases_no_lock
SQLite: a file in use is not renamed or replaced
    How To Corrupt, Unlinking or renaming a database file while in use | no visit goes to a lost file | holds anyway
    counting/test_rollback.py::test_a_replaced_sqlite_file_is_not_mixed_with_the_log_of_the_old_one
SQLite: a file in use is not deleted
    How To Corrupt, Unlinking or renaming a database file while in use | a site does not begin anew in silence | waits
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
Redis: a key is gone when its time has passed
    EXPIRE, How Redis expires keys | a killed worker's people leave | holds anyway
    presence/members/test_members_outage.py::test_the_people_of_a_killed_worker_leave_at_once_when_their_leases_end
Redis: a key stays until its time has passed
    Key eviction | nobody leaves who is there | holds anyway
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
Redis: a script runs whole, and nothing beside it
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
Redis: a master that Sentinels replaced serves nobody
    High availability with Sentinel | all workers agree | holds anyway
    base/cluster/test_redis_workers.py::test_a_worker_leaves_a_replaced_redis_master_although_the_master_continues_to_serve
Redis: one server has all keys
    Redis cluster specification, MOVED Redirection | all workers agree | refused
    base/cluster/test_redis_workers.py::test_a_start_with_a_node_of_a_redis_cluster_fails
Redis: memory is left for a write
    Key eviction, noeviction | no request waits for Redis | said
    behind: Redis / full
Redis: the user may run the commands that we use
    ACL | no request waits for Redis | said
    behind: Redis / wrong password
Redis: the server that answers is no replica
    Replication, Read-only replica | no request waits for Redis | said
    behind: Redis / read-only
Redis: the clock of its machine only goes forwards
    EXPIRE, Expires and persistence | a killed worker's people leave | holds anyway
    time: leases / step while running
Linux: a monotonic clock does not jump
    clock_gettime(2), CLOCK_MONOTONIC | active visitors are right | holds anyway
    time: active visitors / year ahead
Linux: the clock is right if the kernel says that the network sets it
    adjtimex(2), STA_UNSYNC | a visit is counted exactly once | holds anyway
    behind: clock / read-only
Linux: time that the network has set is true
    adjtimex(2), STA_UNSYNC | nothing is removed too early | accepted
    the kernel is believed at once (specification: A clock in doubt)
Linux: the clock does not jump ahead
    clock_settime(2) | nothing is removed too early | said
    upkeep/clock/test_clock.py::test_no_row_expires_while_the_clock_is_in_doubt_or_ahead
Linux: SIGTERM comes once, and time is left after it
    signal(7); systemd.kill(5) | requests in flight are stored | holds anyway
    server/process/test_workers.py::test_requests_in_flight_at_sigterm_are_stored_and_get_their_responses
Linux: a program learns that it ends
    signal(7), SIGKILL | an acknowledged visit is on disk | holds anyway
    integrations/api_keys/test_sent_visits.py::test_a_list_of_visits_that_a_kill_interrupts_is_counted_once_after_a_retry
Linux: a process ends together with its parent
    prctl(2), PR_SET_PDEATHSIG | no worker serves without its parent | holds anyway
    server/process/test_workers.py::test_a_worker_ends_when_its_parent_is_killed_during_the_start
Linux: a process begins with three open streams
    execve(2), Notes | a start that can work works | holds anyway
    server/process/test_parent.py::test_a_server_whose_standard_streams_were_closed_serves_and_stops
Linux: a process may open the files that it needs
    getrlimit(2), RLIMIT_NOFILE | a start that cannot work ends with a sentence | refused
    server/process/test_startup.py::test_too_few_files_end_the_start_with_one_sentence
Linux: a file that is being written is whole or absent
    rename(2); open(2) | a listed backup was verified | holds anyway
    upkeep/backups/test_backups.py::test_the_files_of_a_killed_backup_are_removed_by_the_next_backup
Linux: a write that returned has its place on the disk
    write(2), ENOSPC | a listed backup was verified | said
    upkeep/backups/test_backups.py::test_a_full_disk_is_named_and_no_partial_file_is_left
Linux: a file has the mode that it was made with
    umask(2); chmod(2) | only the owner reads visits | holds anyway
    base/database/test_sqlite_files.py::test_a_database_that_other_users_may_read_becomes_readable_only_by_its_owner
Linux: a socket takes all that is sent
    send(2) | events are whole and in order | holds anyway
    server/websockets/test_connections_slow.py::test_frames_never_interleave_when_the_kernel_accepts_small_parts_of_them
Linux: a lost peer is noticed
    tcp(7), tcp_retries2 | a lost client is offline within 45 s | holds anyway
    sockets/test_event_streams.py::test_a_stream_whose_client_reads_or_acknowledges_nothing_is_dropped
Linux: what `fsync` reports as written survives a loss of power
    fsync(2), Notes | an acknowledged visit is on disk | accepted
    no program can see that a drive or a hypervisor lies
Linux: random numbers cannot be guessed
    getrandom(2) | links and sessions are secret | accepted
    all keys of the machine would be known
tzdata: the rules of a zone stay what they were
    Theory and pragmatics of the tz code and data | a visit is filed on its local day | holds anyway
    time: registering / zone changes its rules
resolver: a name is resolved at once
    getaddrinfo(3); resolv.conf(5) | no request waits for Redis | holds anyway
    realtime/test_bus_redis_away.py::test_visits_are_counted_and_pushed_while_the_name_of_redis_cannot_be_resolved
systemd: the passed socket is for this process
    sd_listen_fds(3) | connections wait during a restart | refused
    server/process/test_passed_socket.py::test_an_unusable_passed_socket_ends_the_start_with_one_sentence
HTTP: nobody repeats a POST
    RFC 9110, 9.2.2 Idempotent Methods | a visit is counted exactly once | holds anyway
    browser/test_home.py::test_a_visit_without_a_response_is_sent_again_under_the_same_id
HTTP: both ends agree on where a request ends
    RFC 9112, 6.3 Message Body Length | nobody sends a request for another client | refused
    server/http/test_wire.py::test_data_after_a_request_whose_end_is_ambiguous_is_not_read
HTTP: a request on a kept connection is not lost when the server closes it
    RFC 9112, 9.5 Failures and Timeouts | requests in flight are stored | holds anyway
    server/http/test_long_answers.py::test_a_server_that_stops_responds_to_a_request_on_its_way
HTTP: a cache keeps one response for each `Origin`
    RFC 9111, 4.1 Calculating Cache Keys with the Vary Header Field | pages of all sites count and show | holds anyway
    web/http/test_origins.py::test_a_public_file_has_the_same_headers_for_every_origin
HTTP: a cache keeps nothing that does not say for how long
    RFC 9111, 4.2.2 Calculating Heuristic Freshness | numbers are current, and a socket is its client's | holds anyway
    web/http/test_answer_headers.py::test_a_response_of_any_kind_has_the_headers_for_security_and_caches
HTTP: a proxy passes an `Upgrade` on
    RFC 9110, 7.8 Upgrade | pages are told of each visit | holds anyway
    browser/test_behind_a_cache.py::test_a_page_counts_and_shows_through_a_cache_that_a_page_of_another_site_has_filled
HTTP: only proxies write `X-Forwarded-For`
    RFC 7239, 8.1 Header Validity and Integrity | a limit is for each address | holds anyway
    front: double forwarding header / nginx
HTTP: a proxy sends a stream's bytes at once
    nginx, proxy_buffering | pages are told promptly | holds anyway
    server/http/test_fronts.py::test_pages_behind_a_proxy_receive_every_visit_at_once
HTTP: a proxy keeps a silent connection open
    nginx, proxy_read_timeout | pages are told of each visit | holds anyway
    server/websockets/test_silence.py::test_a_stream_without_events_gets_a_comment_within_20_s
HTTP: a response of our own shape is ours
    RFC 9110, 7.7 Message Transformations | a visit is sent until it is answered | accepted
    a gateway that copies our shape cannot be told from the server
WebSocket: both ends follow the protocol
    RFC 6455, 5 Data Framing, 7 Closing the Connection | a bad client disturbs no other | refused
    server/websockets/test_connections_abuse.py::test_an_invalid_frame_closes_the_connection_with_a_code
Engine.IO: a client answers each ping
    Protocol, Heartbeat | a lost client is offline within 45 s | holds anyway
    server/websockets/test_connections_slow.py::test_a_client_that_responds_to_no_ping_is_dropped_and_other_clients_stay
Engine.IO: a client has one poll at a time
    Protocol, HTTP long-polling | events are whole and in order | refused
    sockets/test_socketio_protocol.py::test_a_second_poll_at_the_same_time_closes_the_session
Engine.IO: nothing is lost during an upgrade
    Protocol, Upgrade | pages are told of each visit | holds anyway
    sockets/test_socketio_protocol.py::test_an_upgrade_ends_the_waiting_poll_and_loses_no_message
Engine.IO: a client speaks version 4
    Protocol, Difference between v3 and v4 | an old client learns what it needs | refused
    clients: socket.io-client 2 / default options
Socket.IO: all polls of a session reach one worker
    Using multiple nodes, Sticky load balancing | pages are told of each visit | refused
    realtime/test_bus_servers.py::test_a_server_with_several_workers_refuses_polling
browser: what a page stores is there again
    HTML, Web storage | a visitor keeps the id; a visit waits | holds anyway
    browser: localStorage / full
browser: a database answers
    Indexed Database API | a visit that waits is sent | holds anyway
    browser/test_queue.py::test_a_page_with_a_blocked_browser_database_sends_its_entries_after_three_seconds
browser: a lock is held by one tab
    Web Locks API | a visit is counted exactly once | holds anyway
    browser: locks / absent
browser: what is sent as a page ends arrives
    Beacon; Fetch, keepalive | a visit is sent until it is answered | holds anyway
    browser: sendBeacon / absent
browser: a service worker runs when the network is back
    Service Workers; Background Synchronization | a visit that waits is sent | holds anyway
    browser: serviceWorker / absent
browser: a page may open sockets to where it fetches from
    Content Security Policy, connect-src | pages are told of each visit | holds anyway
    browser/test_client_module.py::test_a_page_whose_policy_forbids_sockets_is_live_by_a_stream
browser: a preflight's `*` allows every header
    Fetch, 4.9 CORS-preflight fetch | pages with monitoring scripts count | holds anyway
    web/http/test_origins.py::test_a_preflight_of_a_public_call_allows_our_headers_and_monitoring_headers
browser: a cookie is sent only by pages of its site
    Cookies (RFC 6265bis), SameSite | no other site acts for a user | holds anyway
    web/login/test_credentials.py::test_a_cookie_sent_by_a_page_of_another_site_counts_as_absent
browser: a `Secure` cookie is kept
    Cookies (RFC 6265bis), The Secure Attribute | a login works or says why not | refused
    web/http/test_origins.py::test_a_login_form_is_refused_where_the_browser_would_drop_the_cookies
browser: the clock of a device is right
    High Resolution Time | a late visit is filed when it happened | holds anyway
    browser/test_attended_pages.py::test_the_waiting_time_of_a_visit_is_right_although_the_devices_clock_was_set
browser: a page gets scripts of one version
    RFC 9111, 4.2 Freshness | a visit is counted exactly once | holds anyway
    browser/test_versions.py::test_a_mix_of_cached_older_scripts_and_new_ones_counts_visits_and_page_views
browser: who clears the storage is somebody else
    HTML, Web storage; Clear Site Data | unique visitors are people | accepted
    a visitor is a browser's stored id, as docs/personal-data.md says
SMTP: a refusal with 4 passes, and one with 5 stays
    RFC 5321, 4.2.1 Reply Code Severities | an email is sent within a day | said
    behind: SMTP / full
SMTP: a server that can TLS offers it
    RFC 3207 | a password is never sent in clear | said
    people/mail/test_mail_server.py::test_an_email_stays_unsent_if_the_mail_server_is_down_or_lacks_starttls
SMTP: a mail is taken once
    RFC 5321, 6.1 Reliable Delivery | an email arrives once | accepted
    the answer to DATA may be lost, so an email may come twice; its link works once
SMTP: only a person opens a link
    RFC 9110, 9.2.1 Safe Methods | a link confirms an address | holds anyway
    people/mail/test_mails.py::test_a_link_confirms_the_email_with_a_button_once_only_for_its_account
JWT: a token says truly how it is signed
    RFC 8725, 3.1 Perform Algorithm Verification | nobody makes up a person | refused
    integrations/trusted_tokens/test_verifier.py::test_a_token_signed_with_the_public_key_as_a_secret_or_unsigned_is_refused
JWT: issuer and server have one clock
    RFC 7519, 4.1.4 "exp" | a valid token is accepted | holds anyway
    integrations/trusted_tokens/test_verifier.py::test_the_times_of_a_token_have_a_leeway_and_expiry_has_its_own_error
JWT: a set has one key for each token
    RFC 7517, 4.5 "kid" | nobody makes up a person | refused
    base/settings/test_public_keys.py::test_exactly_one_key_has_to_fit_a_token
TOTP: app and server have one clock
    RFC 6238, 5.2 and 6 Resynchronization | a code logs in | refused
    time: codes / hour ahead
mmdb: a database is whole
    MaxMind DB File Format | a visit counts without its place | holds anyway
    base/network/test_locations.py::test_a_damaged_location_file_is_no_error
Python: a pipe that nobody reads takes more lines
    logging, Handlers; pipe(7) | a log delays no request | said
    base/observability/test_log_lines.py::test_an_unread_log_delays_no_request_and_its_lost_lines_are_counted
eventlet: a lock of the loop may be used by any thread
    Threads, tpool | no request waits for a thread for ever | holds anyway
    base/database/test_executor.py::test_no_real_thread_uses_a_lock_of_the_event_loop
eventlet: a handler yields often
    Basic Usage, greenlets | no client waits for another one's request | holds anyway
    web/http/test_hostile_bodies.py::test_no_body_of_an_api_call_blocks_the_event_loop
"""
