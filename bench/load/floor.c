// The least that a broadcast can cost: one send() of a ready frame to each WebSocket, and nothing else. Setting: PORT.
//
//   floor TEXT    GET /emit?n=K sends K frames with TEXT, of 126 to 4,096 bytes, to all WebSockets

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096, CONNECTIONS = 1 << 20, HEADER = 4, LONGEST = 4096 };

static const char UPGRADED[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"; // for the clients' key

static int sockets[CONNECTIONS], size;
static char frame[HEADER + LONGEST];
static size_t length;

static void broadcast(void) {
    for (int i = 0; i < size; i++) {
        if (send(sockets[i], frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) continue;
        close(sockets[i]);
        sockets[i--] = sockets[--size];
    }
}

static void respond(int fd, const char *request) {
    char response[128];
    struct timespec t0;
    const char *times = strstr(request, "/emit?n=");
    clock_gettime(CLOCK_MONOTONIC, &t0);
    for (int left = times ? atoi(times + strlen("/emit?n=")) : 0; left > 0; left--) broadcast();
    int bytes = snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nt0=%lld;",
                         t0.tv_sec * 1000000000LL + t0.tv_nsec);
    if (write(fd, response, bytes) < 0) perror("floor");
    close(fd);
}

// Waits for the request, which the clients send as soon as they are connected.
static void serve(int fd) {
    int on = 1;
    char request[4096];
    ssize_t got = read(fd, request, sizeof request - 1);
    request[got > 0 ? got : 0] = 0;
    if (!strstr(request, "Upgrade:")) {
        respond(fd, request);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (size == CONNECTIONS || write(fd, UPGRADED, sizeof UPGRADED - 1) < 0) close(fd);
    else sockets[size++] = fd;
}

int main(int count, char **words) {
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(getenv("PORT")))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    size_t bytes = count > 1 ? strlen(words[1]) : 0;
    if (bytes < 126 || bytes > LONGEST || bind(listener, (void *)&address, sizeof address) || listen(listener, BACKLOG)) {
        perror("floor");
        return 1;
    }
    length = HEADER + bytes;
    memcpy(frame, (unsigned char[]){0x81, 126, bytes >> 8, bytes & 255}, HEADER);
    memcpy(frame + HEADER, words[1], bytes);
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) serve(fd);
    return 1;
}
