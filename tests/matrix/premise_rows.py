"""The rows of the table *premises* (`premises.py` explains their three lines)."""

from matrix.premise_databases import DATABASE_ROWS

PREMISE_ROWS = (
    DATABASE_ROWS
    + """
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
Linux: a file may have a second name
    link(2), EPERM | `SECRET_KEY_FILE` is made at the first start | holds anyway
    base/settings/test_config.py::test_a_secret_key_is_made_on_a_disk_that_refuses_hard_links
Linux: the user who makes a file is the one who uses it
    credentials(7) | backups continue after a command with `sudo` | holds anyway
    base/database/test_own_files.py::test_files_that_root_makes_belong_to_the_servers_user
Linux: a name in a shared folder leads to the file that we made
    open(2), O_NOFOLLOW | root gives only our files away | refused
    base/database/test_own_files.py::test_a_lock_that_root_made_is_replaced_or_named_with_its_remedy
Linux: a program whose terminal closes ends cleanly
    signal(7), SIGHUP; nohup(1) | requests in flight get their receipts | holds anyway
    base/observability/test_log_lines.py::test_each_line_of_a_process_is_one_json_object
macOS: what `fsync` reports as written is on the disk
    fsync(2); SQLite, PRAGMA fullfsync | an acknowledged visit is on disk | accepted
    the pragma is on, but no test runs on a Mac
tzdata: the rules of a zone stay what they were
    Theory and pragmatics of the tz code and data | a visit is filed on its local day | holds anyway
    time: registering / zone changes its rules
resolver: a name is resolved at once
    getaddrinfo(3); resolv.conf(5) | no request waits for Redis | holds anyway
    realtime/test_bus_redis_away.py::test_visits_are_counted_and_pushed_while_the_name_of_redis_cannot_be_resolved
systemd: the passed socket is for this process
    sd_listen_fds(3) | connections wait during a restart | refused
    server/process/test_passed_socket.py::test_an_unusable_passed_socket_ends_the_start_with_one_sentence
operator: the backups in `BACKUP_DIR` are of this site
    docs/settings.md, `BACKUP_DIR` | old backups are kept | refused
    upkeep/backups/test_lost_databases.py::test_a_folder_with_backups_of_another_site_is_refused
HTTP: no program repeats a POST
    RFC 9110, 9.2.2 Idempotent Methods | a visit is counted exactly once | holds anyway
    browser/test_home.py::test_a_visit_without_a_response_is_sent_again_under_the_same_id
HTTP: both ends agree on where a request ends
    RFC 9112, 6.3 Message Body Length | no client sends a request for another one | refused
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
    RFC 9110, 7.8 Upgrade | pages receive each visit | holds anyway
    browser/test_behind_a_cache.py::test_a_page_counts_and_shows_through_a_cache_that_a_page_of_another_site_has_filled
HTTP: only proxies write `X-Forwarded-For`
    RFC 7239, 8.1 Header Validity and Integrity | a limit is for each address | holds anyway
    front: double forwarding header / nginx
HTTP: a proxy sends a stream's bytes at once
    nginx, proxy_buffering | pages receive visits at once | holds anyway
    server/http/test_fronts.py::test_pages_behind_a_proxy_receive_every_visit_at_once
HTTP: a proxy keeps a silent connection open
    nginx, proxy_read_timeout | pages receive each visit | holds anyway
    server/websockets/test_silence.py::test_a_stream_without_events_gets_a_comment_within_20_s
HTTP: a response of our own shape is ours
    RFC 9110, 7.7 Message Transformations | a visit is sent until it is answered | accepted
    a gateway that copies our shape cannot be told from the server
HTTP: a status comes from the server of the address
    RFC 9110, 15 Status Codes | no visit is lost | holds anyway
    instead: visit / 403
HTTP: the server has chosen the time in `Retry-After`
    RFC 9110, 10.2.3 Retry-After | a visit that waits is sent | holds anyway
    instead: visit / 429
HTTP: a 204 to a heartbeat comes from our server
    RFC 9110, 15.3.5 204 No Content | attended time is right | accepted
    the next heartbeat has the same data
OWASP CRS: a firewall lets all methods through
    Core Rule Set, 911100 | the API works with the exceptions of docs/behind-a-proxy.md | holds anyway
    browser/test_firewall.py::test_the_documented_exceptions_let_visits_and_all_methods_through
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
    Protocol, Upgrade | pages receive each visit | holds anyway
    sockets/test_socketio_protocol.py::test_an_upgrade_ends_the_waiting_poll_and_loses_no_message
Engine.IO: a client speaks version 4
    Protocol, Difference between v3 and v4 | an old client learns what it needs | refused
    clients: socket.io-client 2 / default options
Socket.IO: all polls of a session reach one worker
    Using multiple nodes, Sticky load balancing | pages receive each visit | refused
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
    Content Security Policy, connect-src | pages receive each visit | holds anyway
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
browser: another person clears the storage
    HTML, Web storage; Clear Site Data | unique visitors are people | accepted
    a visitor is a browser's stored id, as docs/personal-data.md says
browser: plain text needs no preflight, and arrives everywhere
    Fetch, CORS-safelisted request-header | a visit is counted exactly once | holds anyway
    browser/test_firewall.py::test_a_page_of_another_site_counts_and_shows_through_a_firewall
browser: a page of another site sees the status of every response
    Fetch, CORS check | a refused visit is sent again as JSON | holds anyway
    browser/test_firewall.py::test_a_page_of_another_site_counts_and_shows_through_a_firewall
browser: a request ends after its time limit
    DOM, AbortSignal.timeout() | a visit that waits is sent | holds anyway
    browser: AbortSignal / absent
browser: an `import()` that failed can be tried again
    HTML, Module map | events are sent although their file came late | waits
    instead: lazy file / 404
browser: every page has locks
    Web Locks API, SecureContext | all windows count and show | holds anyway
    browser/test_six_connections.py::test_all_windows_count_and_show_although_sockets_are_refused
browser: a page gets another connection when it needs one
    RFC 9112, 9.4 Concurrency | all windows count and show | holds anyway
    browser/test_six_connections.py::test_all_windows_count_and_show_although_sockets_are_refused
browser: a page of another site knows the protocol of its connection
    Resource Timing, Timing-Allow-Origin | pages with HTTP/2 have a stream each | holds anyway
    web/http/test_origins.py::test_responses_of_public_calls_are_readable_from_any_origin
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
    RFC 8725, 3.1 Perform Algorithm Verification | no client makes up a person | refused
    integrations/trusted_tokens/test_verifier.py::test_a_token_signed_with_the_public_key_as_a_secret_or_unsigned_is_refused
JWT: issuer and server have one clock
    RFC 7519, 4.1.4 "exp" | a valid token is accepted | holds anyway
    integrations/trusted_tokens/test_verifier.py::test_the_times_of_a_token_have_a_leeway_and_expiry_has_its_own_error
JWT: a set has one key for each token
    RFC 7517, 4.5 "kid" | no client makes up a person | refused
    base/settings/test_public_keys.py::test_exactly_one_key_has_to_fit_a_token
TOTP: app and server have one clock
    RFC 6238, 5.2 and 6 Resynchronization | a code logs in | refused
    time: codes / hour ahead
mmdb: a database is whole
    MaxMind DB File Format | a visit counts without its place | holds anyway
    base/network/test_locations.py::test_a_damaged_location_file_is_no_error
Python: a pipe without a reader takes more lines
    logging, Handlers; pipe(7) | a log delays no request | said
    base/observability/test_log_lines.py::test_an_unread_log_delays_no_request_and_its_lost_lines_are_counted
Python: the names of statuses are the same in all versions
    http, HTTPStatus | the code of an error never changes | holds anyway
    server/http/test_request_parser.py::test_the_code_of_a_refusal_is_ours
Click: only people read what it writes to standard error
    Exception Handling and Exit Codes | with `LOG_FORMAT=json`, each line is one object | holds anyway
    base/observability/test_log_lines.py::test_each_line_of_a_process_is_one_json_object
eventlet: a lock of the loop may be used by any thread
    Threads, tpool | no request waits for a thread for ever | holds anyway
    base/database/test_executor.py::test_no_real_thread_uses_a_lock_of_the_event_loop
eventlet: a handler yields often
    Basic Usage, greenlets | no client waits for another one's request | holds anyway
    web/http/test_hostile_bodies.py::test_no_body_of_an_api_call_blocks_the_event_loop
"""
)
