/*
 * replay_speed: the two ends of the measurement of replay_speed.sh.
 *
 *   replay_speed serve BYTES          writes so many bytes of memory to the first client, 64 KiB at a time: the baseline
 *   replay_speed fetch PORT [URL...]  reads to the end and prints bytes and seconds; with URLs it plays an RTSP session
 *                                     first: the presentation's, then that of each track
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 18];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int serve(size_t bytes)
{
    char *memory = malloc(bytes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (memory == NULL || listener < 0 || bind(listener, (struct sockaddr *)&address, len) < 0 ||
        listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&address, &len) < 0) {
        die("serve");
    }
    memset(memory, 'x', bytes);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    int client = accept(listener, NULL, NULL);
    if (client < 0) {
        die("accept");
    }
    for (size_t at = 0; at < bytes;) {
        size_t chunk = bytes - at < 65536 ? bytes - at : 65536;
        ssize_t n = write(client, memory + at, chunk);
        if (n < 0) {
            die("write");
        }
        at += (size_t)n;
    }
    return 0;
}

/* Asks and reads the answer's head; none of the answers awaited here has a body. */
static void ask(int fd, int number, const char *method, const char *url, const char *fields)
{
    char request[1024];
    int len = snprintf(request, sizeof request, "%s %s RTSP/1.0\r\nCSeq: %d\r\n%s\r\n", method, url, number, fields);
    if (write(fd, request, (size_t)len) != len) {
        die("ask");
    }
    for (size_t got = 0; got < 4 || memcmp(buffer + got - 4, "\r\n\r\n", 4) != 0; got++) {
        if (got == sizeof buffer || read(fd, buffer + got, 1) != 1) {
            die("answer");
        }
    }
    if (memcmp(buffer, "RTSP/1.0 200", 12) != 0) {
        fprintf(stderr, "%s %s: refused\n", method, url);
        exit(1);
    }
}

static int fetch(int port, int urls, char **url)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        die("connect");
    }
    for (int track = 1; track < urls; track++) {
        char transport[128];
        snprintf(transport, sizeof transport, "Transport: RTP/AVP/TCP;unicast;interleaved=%d-%d\r\n", 2 * track - 2,
                 2 * track - 1);
        ask(fd, track, "SETUP", url[track], transport);
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (urls > 0) {
        ask(fd, urls, "PLAY", url[0], "");
    }
    /* Behind BYE the server may leave the connection open: the last byte is the end. */
    struct timeval patience = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    end = start;
    size_t bytes = 0;
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) {
        bytes += (size_t)n;
        clock_gettime(CLOCK_MONOTONIC, &end);
    }
    printf("%zu %.3f\n", bytes, (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        return serve(strtoull(argv[2], NULL, 10));
    }
    if (argc >= 3 && strcmp(argv[1], "fetch") == 0) {
        return fetch(atoi(argv[2]), argc - 3, argv + 3);
    }
    fprintf(stderr, "usage: replay_speed serve BYTES | fetch PORT [URL...]\n");
    return 2;
}
