// The floor of a broadcast: one send() of ready bytes to each connection, and nothing else. Usage: floor PORT BYTES
//
// It answers every upgrade without a look at it and keeps the connection; GET /emit?n=K sends K times one text frame of
// BYTES bytes of payload to all of them. So the very clients and triggers that measure the servers measure this, too.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096, EVENTS = 64, FILES = 1 << 20 };

static const char UPGRADED[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char MARK[] = "visitor_update";

static int *crowd, size, epoll;
static char frame[4096];
static int frame_length;

static void make_frame(int bytes) {
    frame[0] = (char)0x81;
    frame[1] = 126;
    frame[2] = (char)(bytes >> 8);
    frame[3] = (char)bytes;
    memset(frame + 4, 'x', bytes);
    memcpy(frame + 4, MARK, strlen(MARK));
    frame_length = 4 + bytes;
}

static long long broadcast(int times) {
    struct timespec t0;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    while (times-- > 0)
        for (int i = 0; i < size; i++)
            if (send(crowd[i], frame, frame_length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) perror("floor: send");
    return t0.tv_sec * 1000000000LL + t0.tv_nsec;
}

static void answer(int fd, const char *request) {
    char text[256];
    const char *times = strstr(request, "n=");
    int length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nt0=%lld;",
                          broadcast(times ? atoi(times + 2) : 0));
    if (write(fd, text, length) < 0) perror("floor: write");
    close(fd);
}

static void let_go(int fd) {
    for (int i = 0; i < size; i++)
        if (crowd[i] == fd) {
            crowd[i] = crowd[--size];
            break;
        }
    close(fd);
}

static void hear(int fd) {
    char request[4096];
    ssize_t got = read(fd, request, sizeof request - 1);
    if (got <= 0) {
        let_go(fd);
        return;
    }
    request[got] = 0;
    if (!strstr(request, "Upgrade:")) {
        answer(fd, request);
        return;
    }
    crowd[size++] = fd;
    if (write(fd, UPGRADED, sizeof UPGRADED - 1) < 0) perror("floor: write");
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void take_in(int listener) {
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(fd);
}

int main(int count, char **words) {
    if (count < 3) return 2;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, BACKLOG)) {
        perror("floor");
        return 1;
    }
    make_frame(atoi(words[2]));
    crowd = calloc(FILES, sizeof *crowd);
    epoll = epoll_create1(0);
    watch(listener);
    for (;;) {
        struct epoll_event events[EVENTS];
        int waiting = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < waiting; i++)
            if (events[i].data.fd == listener) take_in(listener);
            else hear(events[i].data.fd);
    }
}
