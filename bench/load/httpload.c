// HTTP load from one cheap process: each connection sends its next request after the last response.
//
//   httpload PORT CONNECTIONS SECONDS register RUN [PAGES]   visits: RUN is eight hexadecimal digits, different in each
//                                                            run. With PAGES, they are spread over so many pages.
//   httpload PORT CONNECTIONS SECONDS get PATH [ETAG]        with If-None-Match if there is an ETag
//   httpload PORT CONNECTIONS SECONDS pages PAGES            the numbers of so many pages, one page each time
//
// It prints a line of JSON. `late` counts responses after the end, which it waits for, because the server has
// worked for them. A response needs a Content-Length, unless its status is 204 or 304.

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

enum { VISITORS = 20000, STRIDE = 7919 }; // a prime, so that all visitors come once before one returns
enum { HEAD = 8192, REQUEST = 2048, PIECE = 1 << 16, EVENTS = 512, PATIENCE_S = 10 };

static const char *PAGES[] = {"/", "/history", "/routes/dhaka-metro", "/routes/gulshan-chaka", "/fares", "/about"};

struct connection {
    int fd;
    int have;   // bytes of an incomplete head
    long left;  // remaining bytes of the body; -1 before the head is complete
    int64_t sent_at;
    char head[HEAD + 1];
};

static struct connection *connections;
static int port, count, epoll;
static char fixed[REQUEST];
static const char *run;
static long first, sent;
static long pages; // how many pages the requests are spread over; 0 for the few of PAGES

static uint32_t *took_us; // of each response
static long answers, room, broken, refused, late;
static int waiting_for; // responses
static int is_over;

static void fail(const char *what) {
    fprintf(stderr, "httpload: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long next_page(void) { return (first + sent) * STRIDE % pages; }

static int next_visit(char *request) {
    char body[512], page[32] = "";
    if (pages) snprintf(page, sizeof page, "/posts/%ld", next_page());
    long visitor = (first + ++sent * STRIDE) % VISITORS;
    int length = snprintf(body, sizeof body,
                          "{\"visitorId\":\"visitor_%lld_a1b2c3d4e\",\"timestamp\":%lld,\"userAgent\":\"Mozilla/5.0 (Linux; "
                          "Android 14; SM-A556E) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile "
                          "Safari/537.36\",\"referrer\":\"https://www.google.com/\",\"visitId\":\"%s-%ld\",\"page\":\"%s\"}",
                          1702757318000LL + visitor, 1765860518412LL + sent, run, sent,
                          pages ? page : PAGES[sent % (long)(sizeof PAGES / sizeof *PAGES)]);
    return snprintf(request, REQUEST,
                    "POST /api/visitor/register HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                    "Origin: https://koyjabo.com\r\nContent-Length: %d\r\n\r\n%s",
                    port, length, body);
}

static int next_number(char *request) {
    sent++;
    return snprintf(request, REQUEST, "GET /api/pages?path=/posts/%ld HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", next_page(),
                    port);
}

static void ask(struct connection *one) {
    char next[REQUEST];
    const char *request = *fixed ? fixed : next;
    int length = run ? next_visit(next) : pages ? next_number(next) : (int)strlen(fixed);
    one->left = -1;
    one->have = 0;
    one->sent_at = now_ns();
    waiting_for++;
    if (send(one->fd, request, length, MSG_NOSIGNAL) != length && errno != EPIPE && errno != ECONNRESET) fail("send");
}

static void dial(struct connection *one) {
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (one->fd < 0 || connect(one->fd, (void *)&address, sizeof address)) fail("connect");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(one->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, one->fd, &event)) fail("epoll_ctl");
}

static void dial_again(struct connection *one) {
    broken++;
    waiting_for--;
    close(one->fd);
    if (is_over) return;
    dial(one);
    ask(one);
}

static void take_answer(struct connection *one) {
    if (answers == room && !(took_us = realloc(took_us, (room = room ? 2 * room : 1 << 16) * sizeof *took_us))) fail("memory");
    took_us[answers++] = (now_ns() - one->sent_at) / 1000;
    waiting_for--;
    late += is_over;
    if (!is_over) ask(one);
}

// Returns how many of these bytes belong to the head. Sets `left` to the body's length once it is complete.
static long take_head(struct connection *one, const char *bytes, long got) {
    long before = one->have, taken = got < HEAD - before ? got : HEAD - before;
    memcpy(one->head + before, bytes, taken);
    one->have += taken;
    one->head[one->have] = 0;
    char *end = strstr(one->head, "\r\n\r\n");
    errno = 0;
    if (!end && one->have == HEAD) fail("head too long");
    if (!end) return taken;
    end[2] = 0;
    int status = atoi(one->head + 9);
    char *length = strcasestr(one->head, "\r\nContent-Length:");
    if (status >= 400) refused++;
    if (!length && status != 204 && status != 304) fail("an answer without Content-Length");
    one->left = status == 204 || status == 304 ? 0 : atol(length + strlen("\r\nContent-Length:"));
    return end + 4 - one->head - before;
}

static void receive(struct connection *one) {
    static char piece[PIECE];
    ssize_t got = recv(one->fd, piece, PIECE, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        dial_again(one);
        return;
    }
    long at = one->left < 0 ? take_head(one, piece, got) : 0;
    if (one->left < 0) return;
    one->left -= got - at;
    errno = 0;
    if (one->left < 0) fail("an answer longer than announced");
    if (!one->left) take_answer(one);
}

static int ascending(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static uint32_t percentile(int percent) { return answers ? took_us[(answers - 1) * percent / 100] : 0; }

static void say(int64_t duration_ns) {
    qsort(took_us, answers, sizeof *took_us, ascending);
    printf("{\"requests\": %ld, \"duration_us\": %ld, \"p50_us\": %u, \"p99_us\": %u, \"most_us\": %u, \"broken\": %ld, "
           "\"refused\": %ld, \"late\": %ld}\n",
           answers, (long)(duration_ns / 1000), percentile(50), percentile(99), percentile(100), broken, refused, late);
}

static void hear_until(int64_t until) {
    struct epoll_event events[EVENTS];
    for (int64_t left; waiting_for && (left = until - now_ns()) > 0;) {
        int ready = epoll_wait(epoll, events, EVENTS, left / 1000000 + 1);
        for (int i = 0; i < ready; i++) receive(events[i].data.ptr);
    }
}

static void load(int seconds) {
    int64_t began = now_ns();
    for (int i = 0; i < count; i++) ask(&connections[i]);
    hear_until(began + seconds * 1000000000LL);
    int64_t took = now_ns() - began;
    is_over = 1;
    hear_until(now_ns() + PATIENCE_S * 1000000000LL);
    say(took);
}

int main(int words, char **word) {
    errno = 0;
    if (words < 6) fail("usage: httpload PORT CONNECTIONS SECONDS register RUN [PAGES] | get PATH [ETAG] | pages PAGES");
    port = atoi(word[1]);
    count = atoi(word[2]);
    if (!strcmp(word[4], "register")) {
        run = word[5];
        first = strtol(run, NULL, 16) % VISITORS;
        pages = words > 6 ? atol(word[6]) : 0;
    } else if (!strcmp(word[4], "pages")) {
        pages = atol(word[5]);
    } else {
        int length = snprintf(fixed, sizeof fixed, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%s\r\n", word[5], port,
                              words > 6 ? "If-None-Match: " : "", words > 6 ? word[6] : "", words > 6 ? "\r\n" : "");
        if (length >= (int)sizeof fixed) fail("request too long");
    }
    connections = calloc(count, sizeof *connections);
    epoll = epoll_create1(0);
    if (!connections || epoll < 0) fail("start");
    for (int i = 0; i < count; i++) dial(&connections[i]);
    load(atoi(word[3]));
    return 0;
}
