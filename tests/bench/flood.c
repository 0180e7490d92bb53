/*
 * flood: an RTSP server that sends one interleaved H.264 track as fast as the client takes it.
 *
 *   flood [--port N] [--frame-size N] [--bytes N] [--rate MBIT] [--burst N] [--at-once 1] [--datagrams N]
 *
 * It binds 127.0.0.1, prints "port N", serves one client after the other, prints one line a session,
 * and ends when its stdin closes (so give it a pipe: `sleep 600 | flood`). With --at-once each client
 * has a process of its own.
 *
 * One write carries one access unit: as many whole frames as fit in --burst bytes, an IDR slice cut in
 * FU-A fragments. They are prepared once; only sequence numbers and timestamps change between writes,
 * so that the server is not what is measured. --bytes counts everything interleaved, `$` headers
 * included, and is rounded up to whole access units. The reply to PLAY says the exact number of bytes
 * that follow it (with the final RTCP SR and BYE) in `X-Flood-Bytes`.
 *
 * With --datagrams it also serves over UDP, so many datagrams a second, an access unit at a time; then the
 * reply to PLAY says in `X-Flood-Datagrams` how many come.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RTP_HEADER = 12, DOLLAR = 4, FU_HEADER = 2, LINGER_MS = 10000 };
#define SSRC 0x464c4f44u
#define FIRST_SEQUENCE 1000u
#define FIRST_TIMESTAMP 900000u
#define TICKS_PER_PICTURE 3600u /* 90 kHz, 25 pictures a second */
#define BYE_BYTES (DOLLAR + 28 + 8)

/* 1280x720, constrained baseline, and the start of an IDR slice that refers to them. */
#define PARAMETER_SETS "Z0LAH9wFAFuwEQAAAwABAAADADIPGDOA,aM4PLIA="
#define PROFILE_LEVEL_ID "42C01F"
static const uint8_t SLICE_START[] = {0x88, 0x84, 0x04, 0xbc, 0x98, 0xa0};

static size_t frame_size = 1400;
static uint64_t total_bytes = 1000000000;
static double rate_mbit = 0;
static size_t burst = 65536;
static bool at_once = false;
static double datagram_rate = 0; /* a second; 0: no UDP */

static uint8_t *unit;      /* one access unit as it goes on the wire */
static size_t unit_frames; /* frames in it */
static size_t unit_len;    /* bytes in it */
static uint64_t units;     /* access units a session */

struct client {
    int fd;
    unsigned rtp_channel, rtcp_channel;
    bool playing, torn_down;
    int media[2]; /* the UDP sockets of RTP and RTCP, connected to the client's; -1 without */
    char base[512];
    uint8_t in[65536 + 8];
    size_t in_len;
};

static void die(const char *what)
{
    fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *exit_with_stdin(void *unused)
{
    (void)unused;
    char sink[256];
    while (read(STDIN_FILENO, sink, sizeof sink) > 0) {
    }
    _exit(0);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint8_t *frame_at(size_t index)
{
    return unit + index * (DOLLAR + frame_size);
}

static void prepare_unit(void)
{
    unit_frames = burst / (DOLLAR + frame_size);
    if (unit_frames < 2) {
        unit_frames = 2; /* a FU-A has a first and a last fragment */
    }
    unit_len = unit_frames * (DOLLAR + frame_size);
    units = (total_bytes + unit_len - 1) / unit_len;
    unit = malloc(unit_len);
    if (unit == NULL) {
        die("malloc");
    }
    uint32_t random = 1;
    for (size_t i = 0; i < unit_len; i++) {
        random = random * 1664525u + 1013904223u;
        unit[i] = (uint8_t)(0x40 + (random >> 25)); /* never 0: no start code in the payload */
    }
    for (size_t i = 0; i < unit_frames; i++) {
        uint8_t *frame = frame_at(i), *rtp = frame + DOLLAR;
        bool first = i == 0, last = i == unit_frames - 1;
        frame[0] = '$';
        put16(frame + 2, (uint32_t)frame_size);
        rtp[0] = 0x80;
        rtp[1] = (uint8_t)(96 | (last ? 0x80 : 0));
        put32(rtp + 8, SSRC);
        rtp[12] = 0x7c;                                           /* FU-A, nal_ref_idc 3 */
        rtp[13] = (uint8_t)(0x05 | (first ? 0x80 : 0) | (last ? 0x40 : 0)); /* of an IDR slice */
        if (first) {
            memcpy(rtp + RTP_HEADER + FU_HEADER, SLICE_START, sizeof SLICE_START);
        }
    }
}

static bool write_all(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Copies the value of a header, or returns false. */
static bool header(const char *head, const char *name, char *value, size_t size)
{
    size_t name_len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':') {
            const char *from = line + name_len + 1;
            from += strspn(from, " \t");
            size_t len = strcspn(from, "\r\n");
            snprintf(value, size, "%.*s", (int)len, from);
            return true;
        }
    }
    return false;
}

__attribute__((format(printf, 4, 5))) static bool reply(struct client *c, const char *status,
                                                        const char *cseq, const char *format, ...)
{
    char text[4096];
    int len = snprintf(text, sizeof text, "RTSP/1.0 %s\r\nCSeq: %s\r\nServer: flood\r\n", status, cseq);
    va_list args;
    va_start(args, format);
    len += vsnprintf(text + len, sizeof text - (size_t)len, format, args);
    va_end(args);
    return len < (int)sizeof text && write_all(c->fd, text, (size_t)len);
}

static void close_media(struct client *c)
{
    for (int i = 0; i < 2; i++) {
        if (c->media[i] >= 0) {
            close(c->media[i]);
        }
        c->media[i] = -1;
    }
}

/* A UDP socket that sends to a port of the client's; gives its own port. */
static unsigned open_media(struct client *c, int which, unsigned client_port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof at;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || getsockname(fd, (struct sockaddr *)&at, &at_len) < 0) {
        die("UDP");
    }
    unsigned own = ntohs(at.sin_port);
    at.sin_port = htons((uint16_t)client_port);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        die("UDP");
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    c->media[which] = fd;
    return own;
}

/* SETUP over UDP. */
static bool set_up_media(struct client *c, const char *cseq, const char *transport)
{
    unsigned rtp, rtcp;
    const char *asked = strcasestr(transport, "client_port=");
    if (datagram_rate <= 0 || asked == NULL || sscanf(asked + 12, "%u-%u", &rtp, &rtcp) != 2) {
        return reply(c, "461 Unsupported Transport", cseq, "\r\n");
    }
    close_media(c);
    unsigned own_rtp = open_media(c, 0, rtp), own_rtcp = open_media(c, 1, rtcp);
    return reply(c, "200 OK", cseq,
                 "Session: 1;timeout=60\r\nTransport: RTP/AVP;unicast;client_port=%u-%u;server_port=%u-%u;ssrc=%08X\r\n\r\n",
                 rtp, rtcp, own_rtp, own_rtcp, SSRC);
}

static bool answer(struct client *c, const char *head)
{
    char method[32] = "", url[480] = "", cseq[32] = "0", transport[512] = "";
    if (sscanf(head, "%31s %479s", method, url) != 2) {
        return false;
    }
    if (strncmp(method, "RTSP/", 5) == 0) {
        return true; /* a reply: nothing was asked, nothing to say */
    }
    header(head, "CSeq", cseq, sizeof cseq);
    if (strcmp(method, "OPTIONS") == 0) {
        return reply(c, "200 OK", cseq, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n");
    }
    if (strcmp(method, "DESCRIBE") == 0) {
        size_t len = strlen(url);
        while (len > 0 && url[len - 1] == '/') {
            url[--len] = 0;
        }
        snprintf(c->base, sizeof c->base, "%s/", url);
        char sdp[1024];
        int sdp_len = snprintf(sdp, sizeof sdp,
                               "v=0\r\n"
                               "o=- 1 1 IN IP4 127.0.0.1\r\n"
                               "s=flood\r\n"
                               "c=IN IP4 0.0.0.0\r\n"
                               "t=0 0\r\n"
                               "a=control:*\r\n"
                               "a=range:npt=0-\r\n"
                               "m=video 0 RTP/AVP 96\r\n"
                               "a=rtpmap:96 H264/90000\r\n"
                               "a=fmtp:96 packetization-mode=1;profile-level-id=" PROFILE_LEVEL_ID
                               ";sprop-parameter-sets=" PARAMETER_SETS "\r\n"
                               "a=control:track1\r\n");
        return reply(c, "200 OK", cseq, "Content-Base: %s\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
                     c->base, sdp_len, sdp);
    }
    if (strcmp(method, "SETUP") == 0) {
        header(head, "Transport", transport, sizeof transport);
        if (strcasestr(transport, "RTP/AVP/TCP") == NULL) {
            return set_up_media(c, cseq, transport);
        }
        close_media(c);
        c->rtp_channel = 0;
        c->rtcp_channel = 1;
        const char *asked = strcasestr(transport, "interleaved=");
        if (asked != NULL && sscanf(asked + 12, "%u-%u", &c->rtp_channel, &c->rtcp_channel) == 1) {
            c->rtcp_channel = c->rtp_channel + 1;
        }
        return reply(c, "200 OK", cseq, "Session: 1;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=%u-%u;ssrc=%08X\r\n\r\n",
                     c->rtp_channel, c->rtcp_channel, SSRC);
    }
    if (strcmp(method, "PLAY") == 0) {
        bool resumed = c->playing;
        c->playing = true;
        if (resumed) {
            return reply(c, "200 OK", cseq, "Session: 1\r\n\r\n");
        }
        return reply(c, "200 OK", cseq,
                     "Session: 1\r\nRange: npt=0.000-\r\nRTP-Info: url=%strack1;seq=%u;rtptime=%u\r\n"
                     "X-Flood-Bytes: %" PRIu64 "\r\nX-Flood-Datagrams: %" PRIu64 "\r\n\r\n",
                     c->base, FIRST_SEQUENCE, FIRST_TIMESTAMP, units * unit_len + BYE_BYTES, units * unit_frames);
    }
    if (strcmp(method, "TEARDOWN") == 0) {
        c->torn_down = true;
        return reply(c, "200 OK", cseq, "Session: 1\r\n\r\n");
    }
    if (strcmp(method, "GET_PARAMETER") == 0 || strcmp(method, "SET_PARAMETER") == 0) {
        return reply(c, "200 OK", cseq, "Session: 1\r\n\r\n");
    }
    return reply(c, "501 Not Implemented", cseq, "\r\n");
}

/* Handles what the client has sent; false when the connection is at its end. */
static bool hear(struct client *c, int flags)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - 1 - c->in_len, flags);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (n == 0) {
        return false;
    }
    c->in_len += (size_t)n;
    size_t used = 0;
    while (used < c->in_len) {
        uint8_t *at = c->in + used;
        size_t left = c->in_len - used, need;
        if (*at == '$') {
            need = left < DOLLAR ? DOLLAR : DOLLAR + (size_t)(at[2] << 8 | at[3]);
            if (left < need) {
                break;
            }
        } else {
            uint8_t *end = memmem(at, left, "\r\n\r\n", 4);
            if (end == NULL) {
                break;
            }
            uint8_t saved = end[4];
            end[4] = 0; /* there is always room for it */
            char length[32] = "0";
            header((char *)at, "Content-Length", length, sizeof length);
            need = (size_t)(end + 4 - at) + strtoul(length, NULL, 10);
            bool whole = left >= need, going_on = !whole || answer(c, (char *)at);
            end[4] = saved;
            if (!going_on) {
                return false;
            }
            if (!whole) {
                break;
            }
        }
        used += need;
    }
    memmove(c->in, c->in + used, c->in_len - used);
    c->in_len -= used;
    return c->in_len < sizeof c->in - 1;
}

static bool say_bye(struct client *c, uint64_t frames, uint32_t timestamp)
{
    uint8_t bye[BYE_BYTES] = {'$', (uint8_t)c->rtcp_channel};
    put16(bye + 2, BYE_BYTES - DOLLAR);
    uint8_t *sr = bye + DOLLAR;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    sr[0] = 0x80;
    sr[1] = 200;
    put16(sr + 2, 6);
    put32(sr + 4, SSRC);
    put32(sr + 8, (uint32_t)((uint64_t)now.tv_sec + 2208988800u));
    put32(sr + 12, (uint32_t)(((uint64_t)now.tv_nsec << 32) / 1000000000u));
    put32(sr + 16, timestamp);
    put32(sr + 20, (uint32_t)frames);
    put32(sr + 24, (uint32_t)(frames * (frame_size - RTP_HEADER)));
    sr[28] = 0x81;
    sr[29] = 203;
    put16(sr + 30, 1);
    put32(sr + 32, SSRC);
    if (c->media[1] >= 0) {
        return send(c->media[1], bye + DOLLAR, sizeof bye - DOLLAR, MSG_NOSIGNAL) > 0;
    }
    return write_all(c->fd, bye, sizeof bye);
}

/* Sends the access unit as datagrams. */
static bool send_media(struct client *c)
{
    enum { AT_ONCE = 64 };
    static struct mmsghdr messages[AT_ONCE];
    static struct iovec parts[AT_ONCE];
    for (size_t i = 0; i < unit_frames;) {
        unsigned count = 0;
        for (; count < AT_ONCE && i + count < unit_frames; count++) {
            parts[count] = (struct iovec){frame_at(i + count) + DOLLAR, frame_size};
            messages[count].msg_hdr = (struct msghdr){.msg_iov = &parts[count], .msg_iovlen = 1};
        }
        int sent = sendmmsg(c->media[0], messages, count, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        i += sent < 0 ? 0 : (size_t)sent;
    }
    return true;
}

/* Waits until so many nanoseconds have passed. */
static void pace(const struct timespec *start, double nanoseconds)
{
    uint64_t ns = (uint64_t)nanoseconds + (uint64_t)start->tv_nsec;
    struct timespec until = {start->tv_sec + (time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

static void serve(int fd, unsigned session)
{
    static struct client c;
    memset(&c, 0, sizeof c);
    c.fd = fd;
    c.media[0] = c.media[1] = -1;
    const char *end = "closed before PLAY";
    uint64_t sent = 0, sequence = FIRST_SEQUENCE;
    uint32_t timestamp = FIRST_TIMESTAMP;
    while (!c.playing && !c.torn_down && hear(&c, 0)) {
    }
    if (c.playing) {
        struct timespec start;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (size_t i = 0; i < unit_frames; i++) {
            frame_at(i)[1] = (uint8_t)c.rtp_channel;
        }
        end = NULL;
        for (uint64_t u = 0; u < units && end == NULL; u++) {
            for (size_t i = 0; i < unit_frames; i++) {
                uint8_t *rtp = frame_at(i) + DOLLAR;
                put16(rtp + 2, (uint32_t)sequence++);
                put32(rtp + 4, timestamp);
            }
            bool datagrams = c.media[0] >= 0;
            if (datagrams ? !send_media(&c) : !write_all(fd, unit, unit_len)) {
                end = "connection lost";
            } else if (sent += unit_len, !hear(&c, MSG_DONTWAIT)) {
                end = "closed before the end";
            } else if (c.torn_down) {
                end = "TEARDOWN before the end";
            } else if (datagrams) {
                pace(&start, (double)(sequence - FIRST_SEQUENCE) * 1e9 / datagram_rate);
            } else if (rate_mbit > 0) {
                pace(&start, (double)sent * 8000.0 / rate_mbit);
            }
            timestamp += TICKS_PER_PICTURE;
        }
        if (end == NULL) {
            end = "no TEARDOWN";
            if (say_bye(&c, sequence - FIRST_SEQUENCE, timestamp)) {
                struct pollfd p = {fd, POLLIN, 0};
                while (!c.torn_down && poll(&p, 1, LINGER_MS) > 0 && hear(&c, 0)) {
                }
                if (c.torn_down) {
                    end = "TEARDOWN";
                }
            }
        }
    }
    printf("session %u: %" PRIu64 " frames, %" PRIu64 " bytes, end: %s\n", session, sequence - FIRST_SEQUENCE, sent, end);
    fflush(stdout);
    close_media(&c);
    close(fd);
}

static double number(const char *name, const char *text, double low, double high)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != 0 || value < low || value > high) {
        fprintf(stderr, "flood: %s: a number from %.0f to %.0f, not '%s'\n", name, low, high, text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    int port = 0;
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(name, "--port") == 0) {
            port = (int)number(name, value, 0, 65535);
        } else if (strcmp(name, "--frame-size") == 0) {
            frame_size = (size_t)number(name, value, 32, 65535);
        } else if (strcmp(name, "--bytes") == 0) {
            total_bytes = (uint64_t)number(name, value, 1, 1e15);
        } else if (strcmp(name, "--rate") == 0) {
            rate_mbit = number(name, value, 0, 1e6);
        } else if (strcmp(name, "--at-once") == 0) {
            at_once = number(name, value, 0, 1) == 1;
        } else if (strcmp(name, "--datagrams") == 0) {
            datagram_rate = number(name, value, 0, 1e8);
        } else if (strcmp(name, "--burst") == 0) {
            burst = (size_t)number(name, value, 1, 1e8);
        } else {
            fprintf(stderr, "usage: flood [--port N] [--frame-size N] [--bytes N] [--rate MBIT] [--burst N] [--at-once 1] [--datagrams N]\n");
            return 2;
        }
    }
    prepare_unit();

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof at;
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 1024) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &at_len) < 0) {
        die("listen");
    }
    if (at_once) {
        signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
    }
    printf("port %d\n", ntohs(at.sin_port));
    fflush(stdout);

    pthread_t watcher;
    if (pthread_create(&watcher, NULL, exit_with_stdin, NULL) != 0) {
        die("thread");
    }
    for (unsigned session = 1;; session++) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            die("accept");
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (!at_once) {
            serve(fd, session);
            continue;
        }
        pid_t child = fork();
        if (child < 0) {
            die("fork");
        }
        if (child == 0) {
            close(listener);
            serve(fd, session);
            _exit(0);
        }
        close(fd);
    }
}
