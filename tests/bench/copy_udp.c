/*
 * copy_udp: the baseline over UDP. It plays flood's session with the few requests that it takes, then copies
 * what comes to its RTP port with `recvmmsg` of up to 64 datagrams and a `write` of each, and prints what that
 * cost. With `together` one `writev` writes them. It ends when all datagrams have come, or none has for a second.
 *
 *   copy_udp rtsp://127.0.0.1:PORT/PATH FILE [together]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

enum { AT_ONCE = 64, LARGEST = 2048, RECEIVE_BUFFER = 8 << 20 };

static char answer[65536];
static char buffers[AT_ONCE][LARGEST];

static void die(const char *what)
{
    fprintf(stderr, "copy_udp: %s: %s\n", what, errno != 0 ? strerror(errno) : "unexpected end");
    exit(1);
}

/* Sends a request and reads its reply, body included. */
static void ask(int fd, const char *request)
{
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) {
        die("request");
    }
    for (size_t len = 0;;) {
        ssize_t n = read(fd, answer + len, sizeof answer - 1 - len);
        if (n <= 0) {
            die("reply");
        }
        len += (size_t)n;
        answer[len] = 0;
        const char *end = strstr(answer, "\r\n\r\n"), *body = strstr(answer, "Content-Length: ");
        if (end != NULL && (body == NULL || len >= (size_t)(end + 4 - answer) + strtoul(body + 16, NULL, 10))) {
            break;
        }
    }
    if (strncmp(answer, "RTSP/1.0 200", 12) != 0) {
        fprintf(stderr, "copy_udp: %s", answer);
        exit(1);
    }
}

static int open_port(unsigned *port)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = RECEIVE_BUFFER;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof at;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || getsockname(fd, (struct sockaddr *)&at, &at_len) < 0) {
        die("UDP");
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    struct timeval second = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    *port = ntohs(at.sin_port);
    return fd;
}

/* Copies so many datagrams, or fewer if no more come. */
static uint64_t copy(int media, int file, uint64_t total, bool together)
{
    static struct mmsghdr messages[AT_ONCE];
    static struct iovec rooms[AT_ONCE], parts[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) {
        rooms[i] = (struct iovec){buffers[i], LARGEST};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &rooms[i], .msg_iovlen = 1};
    }
    uint64_t got = 0;
    while (got < total) {
        int count = recvmmsg(media, messages, AT_ONCE, MSG_WAITFORONE, NULL);
        if (count < 0) {
            if (errno == EAGAIN) {
                break;
            }
            die("recvmmsg");
        }
        ssize_t bytes = 0;
        for (int i = 0; i < count; i++) {
            parts[i] = (struct iovec){buffers[i], messages[i].msg_len};
            bytes += messages[i].msg_len;
            if (!together && write(file, buffers[i], messages[i].msg_len) != (ssize_t)messages[i].msg_len) {
                die("write");
            }
        }
        if (together && writev(file, parts, count) != bytes) {
            die("writev");
        }
        got += (uint64_t)count;
    }
    return got;
}

int main(int argc, char **argv)
{
    unsigned port;
    bool together = argc == 4 && strcmp(argv[3], "together") == 0;
    if (argc != 3 + together || sscanf(argv[1], "rtsp://127.0.0.1:%u", &port) != 1) {
        fprintf(stderr, "usage: copy_udp rtsp://127.0.0.1:PORT/PATH FILE [together]\n");
        return 2;
    }
    const char *url = argv[1];
    int file = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (file < 0) {
        die(argv[2]);
    }
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        die("connect");
    }
    unsigned rtp, rtcp;
    int media = open_port(&rtp), reports = open_port(&rtcp);

    char request[1024];
    snprintf(request, sizeof request, "DESCRIBE %s RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n", url);
    ask(fd, request);
    snprintf(request, sizeof request, "SETUP %s/track1 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP;unicast;client_port=%u-%u\r\n\r\n", url, rtp, rtcp);
    ask(fd, request);
    snprintf(request, sizeof request, "PLAY %s/ RTSP/1.0\r\nCSeq: 3\r\nSession: 1\r\nRange: npt=0.000-\r\n\r\n", url);
    ask(fd, request);
    const char *follows = strstr(answer, "X-Flood-Datagrams: ");
    if (follows == NULL) {
        errno = EPROTO;
        die("no X-Flood-Datagrams in the reply to PLAY");
    }
    uint64_t total = strtoull(follows + 19, NULL, 10), got = copy(media, file, total, together);

    snprintf(request, sizeof request, "TEARDOWN %s/ RTSP/1.0\r\nCSeq: 4\r\nSession: 1\r\n\r\n", url);
    ask(fd, request);
    close(reports);
    close(media);
    close(fd);
    close(file);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("user %ld.%06ld sys %ld.%06ld datagrams %" PRIu64 " of %" PRIu64 "\n", (long)used.ru_utime.tv_sec,
           (long)used.ru_utime.tv_usec, (long)used.ru_stime.tv_sec, (long)used.ru_stime.tv_usec, got, total);
    return got == total ? 0 : 1;
}
