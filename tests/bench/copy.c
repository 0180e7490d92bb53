/*
 * copy: the baseline. It plays flood's session with the few requests that it takes, then copies what
 * comes with `read` of 64 KiB and `write`, and prints what that cost.
 *
 *   copy rtsp://127.0.0.1:PORT/PATH FILE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];

static void die(const char *what)
{
    fprintf(stderr, "copy: %s: %s\n", what, errno != 0 ? strerror(errno) : "unexpected end");
    exit(1);
}

static void write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0) {
            die("write");
        }
        data += n;
        len -= (size_t)n;
    }
}

/* Sends a request and reads its reply into `buffer`; returns how many bytes came, body included. */
static size_t ask(int fd, const char *request, size_t *head_len)
{
    write_all(fd, request, strlen(request));
    for (size_t len = 0;;) {
        ssize_t n = read(fd, buffer + len, sizeof buffer - 1 - len);
        if (n <= 0) {
            die("reply");
        }
        len += (size_t)n;
        char kept = buffer[len];
        buffer[len] = 0;
        char *end = strstr(buffer, "\r\n\r\n");
        if (end != NULL) {
            const char *body = strstr(buffer, "Content-Length: ");
            *head_len = (size_t)(end + 4 - buffer);
            if (body == NULL || body > end || len >= *head_len + strtoul(body + 16, NULL, 10)) {
                if (strncmp(buffer, "RTSP/1.0 200", 12) != 0) {
                    fprintf(stderr, "copy: %s", buffer);
                    exit(1);
                }
                return len;
            }
        }
        buffer[len] = kept;
    }
}

int main(int argc, char **argv)
{
    unsigned port;
    if (argc != 3 || sscanf(argv[1], "rtsp://127.0.0.1:%u", &port) != 1) {
        fprintf(stderr, "usage: copy rtsp://127.0.0.1:PORT/PATH FILE\n");
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

    char request[1024];
    size_t head_len, len;
    snprintf(request, sizeof request, "OPTIONS %s RTSP/1.0\r\nCSeq: 1\r\n\r\n", url);
    ask(fd, request, &head_len);
    snprintf(request, sizeof request, "DESCRIBE %s RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n", url);
    ask(fd, request, &head_len);
    snprintf(request, sizeof request, "SETUP %s/track1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n", url);
    ask(fd, request, &head_len);
    snprintf(request, sizeof request, "PLAY %s/ RTSP/1.0\r\nCSeq: 4\r\nSession: 1\r\nRange: npt=0.000-\r\n\r\n", url);
    len = ask(fd, request, &head_len);
    const char *follows = strstr(buffer, "X-Flood-Bytes: ");
    if (follows == NULL) {
        errno = EPROTO;
        die("no X-Flood-Bytes in the reply to PLAY");
    }
    uint64_t total = strtoull(follows + 15, NULL, 10), got = len - head_len;
    write_all(file, buffer + head_len, len - head_len);

    while (got < total) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n <= 0) {
            die("media");
        }
        write_all(file, buffer, (size_t)n);
        got += (uint64_t)n;
    }

    snprintf(request, sizeof request, "TEARDOWN %s/ RTSP/1.0\r\nCSeq: 5\r\nSession: 1\r\n\r\n", url);
    ask(fd, request, &head_len);
    close(fd);
    close(file);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("user %ld.%06ld sys %ld.%06ld bytes %" PRIu64 "\n", (long)used.ru_utime.tv_sec, (long)used.ru_utime.tv_usec,
           (long)used.ru_stime.tv_sec, (long)used.ru_stime.tv_usec, got);
    return 0;
}
