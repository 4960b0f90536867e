// Many WebSocket or stream clients in one cheap process. It opens them, keeps them alive, and counts what they
// receive.
//
//   wsload PORT PATH plain|socketio|stream N [deflate|watch]
//
// With `watch`, each (plain) client watches the number of the page /a: updates are then its page_update events, and a
// total is its views.
//
// It prints a line of JSON when all N are open and after each command. Commands, one a line on standard input:
//
//   settle    wait until no update has come for half a second
//   emit K    GET /emit?n=K at the same port, wait for its response ("t0=<monotonic ns>;") and, if K is not 0, until
//             every client has received an update; then listen a little longer for unexpected ones
//   report    counts so far
//   return    from now on, open each connection again as soon as it is lost
//   until T   wait until every connection shows a total of T or more, or has been closed for good
//   closed    wait until the server has closed all connections
//
// It ends at the end of its input.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum { BUFFER = 4096, IN_FLIGHT = 32, EVENTS = 512, ADDRESSES = 1500 };
enum { QUIET_MS = 500, LONGEST_SETTLE_MS = 20000, LISTEN_ON_MS = 20, PATIENCE_MS = 30000, LONGEST_WAIT_MS = 120000 };
enum { NAP_US = 2000 };
enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10, FINAL = 0x80, COMPRESSED = 0x40, MASKED = 0x80 };

static const char WATCH[] = "{\"type\":\"pages\",\"paths\":[\"/a\"]}";

enum state { UNUSED, UPGRADING, OPENING, JOINING, READY, GONE };

struct connection {
    int fd;
    enum state state;
    int have;       // bytes in `rest`
    unsigned round; // the round of the last update
    int64_t total;  // of the last update
    char *rest;     // the beginning of an incomplete frame; usually NULL
};

// Special values for epoll events. All others are numbers of connections.
static const uint64_t COMMANDS = UINT64_MAX, ANSWER = UINT64_MAX - 1;

static struct connection *crowd;
static int size, opened, ready, gone, port, epoll;
static int socketio, streams, offers_deflate, watches;
static const char *update = "visitor_update", *total_key = "\"totalVisitors\":";
static char buffer[BUFFER];        // shared by all reads, so that a connection fits into one cache line
static int have;
static const char *path;

static unsigned round_now;
static int reached;                // connections that received an update in this round
static int64_t reached_at;         // when the last one did
static int64_t last_update_at;
static long updates, lost, deflated, said_goodbye;
static size_t update_bytes;            // of the last one
static int64_t lost_at;            // when the last one was lost
static int wanted_behind;          // connections that do not show `wanted_total` yet
static int64_t wanted_total;
static int returns;                // whether lost connections are opened again
static int first_gone;             // where to start looking for one

static int answer_fd = -1, answered;
static char answer[2048];
static size_t answer_have;
static int64_t answer_t0;
static int command_waits;

static void fail(const char *what) {
    fprintf(stderr, "wsload: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// ---- connections

static void watch(int fd, uint64_t what) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

// Many source addresses, as pages have, so that there are always enough ports.
static int dial(int number) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) fail("socket");
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number % ADDRESSES);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (void *)&address, sizeof address)) fail("bind");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (connect(fd, (void *)&address, sizeof address)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void send_all(int fd, const void *bytes, size_t length) {
    if (send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length && errno != EPIPE && errno != ECONNRESET) fail("send");
}

// Masked with zeros, which leaves the payload as it is.
static void send_frame(int fd, int opcode, const char *payload, size_t length) {
    unsigned char frame[6 + 125] = {FINAL | opcode, MASKED | length};
    if (length > 125) fail("frame too long");
    memcpy(frame + 6, payload, length);
    send_all(fd, frame, 6 + length);
}

static void open_one(int number) {
    struct connection *one = &crowd[number];
    char request[1024];
    int length = streams ? snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", path, port)
                         : snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                          path, port,
                          offers_deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "");
    if (one->state == GONE) gone--;
    one->fd = dial(number);
    one->state = UPGRADING;
    one->total = 0;
    watch(one->fd, number);
    send_all(one->fd, request, length);
}

static void become_ready(struct connection *one) {
    one->state = READY;
    ready++;
}

static void lose(struct connection *one) {
    if (one->state == GONE) return;
    if (one->state == READY) ready--;
    else if (!returns) fail("a connection ended before it was ready");
    one->state = GONE;
    gone++;
    lost++;
    lost_at = now_ns();
    if (one->total >= wanted_total) wanted_behind++;
    one->total = 0;
    close(one->fd);
    free(one->rest);
    one->rest = NULL;
    one->have = 0;
    if (one - crowd < first_gone) first_gone = one - crowd;
}

// ---- frames

static int64_t number_after(const char *text, size_t length, const char *key) {
    const char *found = memmem(text, length, key, strlen(key));
    return found ? strtoll(found + strlen(key), NULL, 10) : -1; // a bracket follows, so the number ends
}

static void take_total(struct connection *one, int64_t total) {
    if (one->total < wanted_total && total >= wanted_total) {
        wanted_behind--;
        reached_at = last_update_at;
    }
    one->total = total;
}

static void take_update(struct connection *one, const char *payload, size_t length) {
    updates++;
    last_update_at = now_ns();
    update_bytes = length;
    if (wanted_total) take_total(one, number_after(payload, length, total_key));
    if (one->round == round_now) return;
    one->round = round_now;
    reached++;
    reached_at = last_update_at;
}

static int is_update(int head, const char *payload, size_t length) {
    if ((head & 15) != TEXT) return 0;
    if (head & COMPRESSED) return length > 4;
    return memmem(payload, length, update, strlen(update)) != NULL;
}

// Engine.IO: "0" opens, "2" pings, "3" pongs; Socket.IO inside of "4": "0" joins a namespace.
static void take_frame(struct connection *one, int head, const char *payload, size_t length) {
    int opcode = head & 15;
    char kind = length ? payload[0] : 0;
    if (opcode == PING) {
        send_frame(one->fd, PONG, payload, length);
    } else if (opcode == CLOSE) {
        said_goodbye++;
        lose(one);
    } else if (is_update(head, payload, length)) {
        if (watches && one->state == JOINING) become_ready(one);
        take_update(one, payload, length);
    } else if (socketio && length == 1 && kind == '2') {
        send_frame(one->fd, TEXT, "3", 1);
    } else if (one->state == OPENING && kind == '0') {
        one->state = JOINING;
        send_frame(one->fd, TEXT, "40", 2);
    } else if (one->state == JOINING && length > 1 && kind == '4' && payload[1] == '0') {
        become_ready(one);
    }
}

// The length of the handshake response's head, or 0 while it is incomplete.
static int take_handshake(struct connection *one) {
    char *end = memmem(buffer, have, "\r\n\r\n", 4);
    if (!end) return 0;
    if (have < 12 || memcmp(buffer + 8, streams ? " 200" : " 101", 4)) {
        errno = 0;
        fprintf(stderr, "wsload: refused: %.*s\n", have, buffer);
        fail("handshake");
    }
    *end = 0;
    if (strstr(buffer, "permessage-deflate")) deflated++;
    one->state = OPENING;
    if (watches) {
        one->state = JOINING;
        send_frame(one->fd, TEXT, WATCH, strlen(WATCH));
    } else if (!socketio) become_ready(one);
    return end + 4 - buffer;
}

// Server-Sent Events: an empty line ends each. Returns the number of bytes consumed.
static int take_events(struct connection *one, int at) {
    for (char *end; (end = memmem(buffer + at, have - at, "\n\n", 2)); at = end + 2 - buffer) {
        char *event = buffer + at;
        if (memmem(event, end - event, update, strlen(update))) take_update(one, event, end - event);
    }
    return at;
}

// Returns the number of bytes consumed.
static int take_bytes(struct connection *one) {
    int at = one->state == UPGRADING ? take_handshake(one) : 0;
    if (streams && one->state == READY) at = take_events(one, at);
    while (!streams && one->state != UPGRADING && one->state != GONE && have - at >= 2) {
        unsigned char *frame = (unsigned char *)buffer + at;
        int length = frame[1] & 127, header = length == 126 ? 4 : 2;
        if (length == 127) fail("frame too long");
        if (have - at < header) break;
        if (header == 4) length = frame[2] << 8 | frame[3];
        if (have - at < header + length) break;
        take_frame(one, frame[0], (char *)frame + header, length);
        at += header + length;
    }
    return at;
}

static void keep(struct connection *one, const char *bytes, int length) {
    if (length == BUFFER) fail("frame too long");
    if (!length) {
        free(one->rest);
        one->rest = NULL;
    } else {
        if (!one->rest) one->rest = malloc(BUFFER);
        if (!one->rest) fail("malloc");
        memcpy(one->rest, bytes, length);
    }
    one->have = length;
}

static void receive(struct connection *one) {
    if (one->state == GONE) return;
    if (one->have) memcpy(buffer, one->rest, one->have);
    ssize_t got = recv(one->fd, buffer + one->have, BUFFER - one->have, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        lose(one);
        return;
    }
    have = one->have + got;
    int at = take_bytes(one);
    if (one->state != GONE && (one->rest || have != at)) keep(one, buffer + at, have - at);
}

// ---- triggers

static void ask(const char *target) {
    char request[256];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n", target, port);
    answered = answer_have = 0;
    answer_fd = dial(0);
    watch(answer_fd, ANSWER);
    send_all(answer_fd, request, length);
}

static void hear_answer(void) {
    ssize_t got = recv(answer_fd, answer + answer_have, sizeof answer - 1 - answer_have, 0);
    if (got < 0 && errno == EAGAIN) return;
    answer_have += got > 0 ? got : 0;
    answer[answer_have] = 0;
    char *t0 = strstr(answer, "t0=");
    if (t0 && strchr(t0, ';')) {
        answer_t0 = atoll(t0 + 3);
        answered = 1;
        close(answer_fd);
    } else if (got <= 0) {
        errno = 0;
        fprintf(stderr, "wsload: %s\n", answer);
        fail("the trigger was not answered");
    }
}

// ---- the loop

static int pump(int wait_ms) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < count; i++) {
        uint64_t what = events[i].data.u64;
        if (what == COMMANDS) command_waits = 1;
        else if (what == ANSWER) hear_answer();
        else receive(&crowd[what]);
    }
    return count;
}

static void pump_for(int ms) {
    for (int64_t until = now_ns() + ms * 1000000LL; now_ns() < until;) pump(1);
}

static void open_all(void) {
    int64_t deadline = now_ns() + PATIENCE_MS * 1000000LL;
    for (int before = 0; ready + gone < size;) {
        while (opened < size && opened - ready - gone < IN_FLIGHT) open_one(opened++);
        pump(100);
        if (ready > before) deadline = now_ns() + PATIENCE_MS * 1000000LL;
        before = ready;
        errno = ETIMEDOUT;
        if (now_ns() > deadline) fail("opening");
    }
}

static void settle(void) {
    int64_t began = now_ns(), quiet_since = began;
    while (now_ns() - quiet_since < QUIET_MS * 1000000LL && now_ns() - began < LONGEST_SETTLE_MS * 1000000LL) {
        pump(20);
        if (last_update_at > quiet_since) quiet_since = last_update_at;
    }
    printf("{}\n");
}

static void emit(int times) {
    char target[64];
    long before = updates;
    int64_t deadline = now_ns() + PATIENCE_MS * 1000000LL;
    snprintf(target, sizeof target, "/emit?n=%d", times);
    round_now++;
    reached = 0;
    reached_at = 0;
    ask(target);
    // Without sleep: waking the clients for each frame would count as the server's CPU time, unlike across a network.
    while ((!answered || (times && reached < size - lost)) && now_ns() < deadline) pump(0);
    pump_for(LISTEN_ON_MS);
    errno = ETIMEDOUT;
    if (!answered) fail("emit");
    printf("{\"last_ms\": %.3f, \"reached\": %d, \"updates\": %ld}\n", times ? (reached_at - answer_t0) / 1e6 : 0.0, reached,
           updates - before);
}

static void report(void) {
    printf("{\"updates\": %ld, \"lost\": %ld, \"deflated\": %ld, \"update_bytes\": %zu}\n", updates, lost, deflated, update_bytes);
}

// Read everything, then sleep briefly: waking a client in epoll_wait for each frame counts as the server's CPU time, and
// a client that never sleeps takes the core from the server.
static void pump_all(void) {
    while (pump(0) == EVENTS) continue;
    usleep(NAP_US);
}

static void open_lost(void) {
    for (; first_gone < size && size - ready - gone < IN_FLIGHT; first_gone++)
        if (crowd[first_gone].state == GONE) open_one(first_gone);
}

static void until(int64_t total) {
    int64_t deadline = now_ns() + LONGEST_WAIT_MS * 1000000LL;
    long before = updates;
    wanted_total = total;
    wanted_behind = reached_at = 0;
    for (int i = 0; i < size; i++) wanted_behind += crowd[i].total < total;
    do {
        if (returns) open_lost();
        pump_all();
    } while ((wanted_behind || ready < size) && now_ns() < deadline);
    printf("{\"last_at_ns\": %ld, \"behind\": %d, \"updates\": %ld}\n", reached_at, wanted_behind, updates - before);
}

static void closed(void) {
    said_goodbye = 0; // excludes pages that were refused earlier, when they reconnected
    int64_t deadline = now_ns() + PATIENCE_MS * 1000000LL;
    while (ready && now_ns() < deadline) pump_all();
    printf("{\"last_at_ns\": %ld, \"open\": %d, \"said_goodbye\": %ld}\n", lost_at, ready, said_goodbye);
}

// Returns 0 at the end of the input. One command is sent at a time, so a line is never split.
static int obey(void) {
    char line[128];
    ssize_t got = read(STDIN_FILENO, line, sizeof line - 1);
    if (got <= 0) return 0;
    line[got] = 0;
    command_waits = 0;
    if (!strncmp(line, "settle", 6)) settle();
    else if (!strncmp(line, "emit ", 5)) emit(atoi(line + 5));
    else if (!strncmp(line, "report", 6)) report();
    else if (!strncmp(line, "return", 6)) returns = 1, printf("{}\n");
    else if (!strncmp(line, "until ", 6)) until(atoll(line + 6));
    else if (!strncmp(line, "closed", 6)) closed();
    else fail("unknown command");
    fflush(stdout);
    return 1;
}

int main(int count, char **words) {
    if (count < 5) fail("usage: wsload PORT PATH plain|socketio|stream N [deflate|watch]");
    port = atoi(words[1]);
    path = words[2];
    socketio = !strcmp(words[3], "socketio");
    streams = !strcmp(words[3], "stream");
    size = atoi(words[4]);
    offers_deflate = count > 5 && !strcmp(words[5], "deflate");
    watches = count > 5 && !strcmp(words[5], "watch");
    if (watches) update = "page_update", total_key = "\"views\":";
    crowd = calloc(size, sizeof *crowd);
    epoll = epoll_create1(0);
    if (!crowd || epoll < 0) fail("start");
    round_now = 1;
    open_all();
    printf("{}\n");
    fflush(stdout);
    watch(STDIN_FILENO, COMMANDS);
    do {
        pump(-1);
    } while (!command_waits || obey());
    return 0;
}
