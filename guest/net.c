// net: what frames between two guests cost
// SPDX-License-Identifier: MIT
//
// `net capture DEVICE` looks at all frames that come until it is told to end, then prints whom they came
// from, and how many. `net serve` answers for the other guest. `net WORK HOST COUNT` prints the distance of
// two RDTSCs, by which all is divided; under QEMU's icount these are instructions, of the whole machine as
// both guests share it.
//
// pingpong: UDP, 1,500-byte packets, one at a time; mean, least and median of a round trip. batched: 32 at
// once, at most 64 without an answer, which comes for each 32; per frame. flood: as fast as they go; per
// frame that was delivered. tcp: COUNT KiB by 64 KiB; per 1,000 bytes.

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT = 7007, PAYLOAD = 1472, BATCH = 32, OUTSTANDING = 64, SAMPLES = 1 << 16, CHUNK = 64 << 10 };
enum { ALL_FRAMES = 3, SENDERS = 16 };
enum { ECHO, COUNTED, SILENT, ASK, BEGIN }; // first byte of a datagram

static char packet[PAYLOAD];
static char chunk[CHUNK];
static uint64_t samples[SAMPLES];

static uint64_t tsc(void)
{
    return __builtin_ia32_rdtsc();
}

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "net: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_socket(int type, const char *host)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int s = socket(AF_INET, type, 0), yes = 1, bytes = 1 << 20;
    at.sin_addr.s_addr = host ? inet_addr(host) : INADDR_ANY;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (type == SOCK_DGRAM) {
        setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
        setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    }
    if (s < 0 ||
        (host ? connect(s, (struct sockaddr *)&at, sizeof at) : bind(s, (struct sockaddr *)&at, sizeof at)))
        fail(host ? host : "bind");
    return s;
}

// ---- the other guest ----

static void answer(int s)
{
    static uint32_t count;
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(s, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (got <= 0)
        return;
    if (packet[0] == BEGIN)
        count = 0;
    if (packet[0] == SILENT || packet[0] == COUNTED)
        count++;
    if (packet[0] == SILENT || (packet[0] == COUNTED && count % BATCH))
        return;
    if (packet[0] != ECHO) {
        memcpy(packet + 4, &count, sizeof count);
        got = 8;
    }
    sendto(s, packet, (size_t)got, 0, (struct sockaddr *)&from, length);
}

static void swallow(int listener)
{
    int s = accept(listener, NULL, NULL);
    while (read(s, chunk, sizeof chunk) > 0)
        ;
    if (write(s, "", 1) != 1)
        perror("net: answer");
    close(s);
}

__attribute__((noreturn)) static void serve(void)
{
    struct pollfd fds[] = {{.fd = open_socket(SOCK_DGRAM, NULL), .events = POLLIN},
                           {.fd = open_socket(SOCK_STREAM, NULL), .events = POLLIN}};
    listen(fds[1].fd, 1);
    for (;;) {
        poll(fds, 2, -1);
        if (fds[0].revents)
            answer(fds[0].fd);
        if (fds[1].revents)
            swallow(fds[1].fd);
    }
}

// ---- frames ----

static volatile sig_atomic_t ends;

static void end(int signal)
{
    (void)signal;
    ends = 1;
}

static int open_frames(const char *device)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ALL_FRAMES)};
    struct packet_mreq all = {.mr_type = PACKET_MR_PROMISC};
    int s = socket(AF_PACKET, SOCK_RAW, htons(ALL_FRAMES));
    at.sll_ifindex = all.mr_ifindex = (int)if_nametoindex(device);
    if (s < 0 || bind(s, (struct sockaddr *)&at, sizeof at) ||
        setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all))
        fail(device);
    return s;
}

static void capture(const char *device)
{
    static struct {
        uint8_t address[6];
        unsigned count;
    } from[SENDERS];
    int s = open_frames(device);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = end}, NULL);
    while (!ends) {
        struct sockaddr_ll at;
        socklen_t length = sizeof at;
        ssize_t got = recvfrom(s, chunk, sizeof chunk, 0, (struct sockaddr *)&at, &length);
        for (size_t i = 0; got >= 12 && at.sll_pkttype != PACKET_OUTGOING && i < SENDERS; i++)
            if (!from[i].count || memcmp(from[i].address, chunk + 6, 6) == 0) {
                memcpy(from[i].address, chunk + 6, 6);
                from[i].count++;
                break;
            }
    }
    for (size_t i = 0; i < SENDERS && from[i].count; i++) {
        const uint8_t *a = from[i].address;
        printf("captured %02x:%02x:%02x:%02x:%02x:%02x %u\n", a[0], a[1], a[2], a[3], a[4], a[5],
               from[i].count);
    }
}

// ---- this one ----

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void say(const char *work, uint64_t ticks, uint64_t count)
{
    printf("net %s: count=%llu mean=%llu\n", work, (unsigned long long)count,
           (unsigned long long)(ticks / (count ? count : 1)));
}

static void pingpong(const char *host, size_t count)
{
    int s = open_socket(SOCK_DGRAM, host);
    uint64_t sum = 0;
    packet[0] = ECHO;
    for (size_t i = 0; i < count; i++) {
        uint64_t start = tsc();
        if (send(s, packet, PAYLOAD, 0) != PAYLOAD || recv(s, packet, PAYLOAD, 0) != PAYLOAD)
            fail("pingpong");
        sum += samples[i] = tsc() - start;
    }
    qsort(samples, count, sizeof samples[0], ascending);
    printf("net pingpong: count=%zu mean=%llu min=%llu median=%llu\n", count,
           (unsigned long long)(sum / count), (unsigned long long)samples[0],
           (unsigned long long)samples[count / 2]);
}

static void send_batch(int s)
{
    static struct mmsghdr messages[BATCH];
    static struct iovec part = {packet, PAYLOAD};
    for (unsigned sent = 0; sent < BATCH;) {
        for (unsigned i = 0; i < BATCH; i++)
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
        int n = sendmmsg(s, messages, BATCH - sent, 0);
        if (n < 0)
            fail("sendmmsg");
        sent += (unsigned)n;
    }
}

// How many the other has counted.
static uint32_t hear(int s)
{
    char text[PAYLOAD];
    uint32_t count = 0;
    if (recv(s, text, sizeof text, 0) < 8)
        fail("answer");
    memcpy(&count, text + 4, sizeof count);
    return count;
}

// Again and again, as it may be lost behind a flood.
static uint32_t ask(int s, char what)
{
    struct pollfd fd = {.fd = s, .events = POLLIN};
    do {
        packet[0] = what;
        if (send(s, packet, 8, 0) != 8)
            fail("ask");
    } while (poll(&fd, 1, 100) == 0);
    return hear(s);
}

static void batched(const char *host, size_t count)
{
    int s = open_socket(SOCK_DGRAM, host);
    ask(s, BEGIN);
    packet[0] = COUNTED;
    uint64_t start = tsc(), sent = 0, heard = 0;
    while (heard < count) {
        for (; sent < count && sent - heard < OUTSTANDING; sent += BATCH)
            send_batch(s);
        heard = hear(s);
    }
    say("batched", tsc() - start, count);
}

// Nothing slows the sender down.
static void flood(const char *host, size_t count)
{
    int s = open_socket(SOCK_DGRAM, host);
    ask(s, BEGIN);
    packet[0] = SILENT;
    uint64_t start = tsc();
    for (size_t sent = 0; sent < count; sent += BATCH)
        send_batch(s);
    uint32_t delivered = ask(s, ASK);
    uint64_t ticks = tsc() - start;
    printf("net flood: sent=%zu\n", count);
    say("flood", ticks, delivered);
}

static void tcp(const char *host, size_t count)
{
    int s = open_socket(SOCK_STREAM, host);
    char end;
    uint64_t start = tsc();
    for (size_t left = count; left;) {
        size_t bytes = left < CHUNK / 1024 ? left * 1024 : CHUNK;
        if (send(s, chunk, bytes, 0) != (ssize_t)bytes)
            fail("send");
        left -= bytes / 1024;
    }
    shutdown(s, SHUT_WR);
    if (read(s, &end, 1) != 1)
        fail("end");
    printf("net tcp: kib=%zu per_1000=%llu\n", count,
           (unsigned long long)((tsc() - start) * 1000 / (count * 1024)));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const char *host, size_t count);
    } works[] = {{"pingpong", pingpong}, {"batched", batched}, {"flood", flood}, {"tcp", tcp}};
    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        serve();
    if (argc == 3 && strcmp(argv[1], "capture") == 0) {
        capture(argv[2]);
        return 0;
    }
    size_t count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    for (size_t i = 0; i < sizeof works / sizeof *works && count && count <= SAMPLES * 64; i++)
        if (strcmp(argv[1], works[i].name) == 0 && (i || count <= SAMPLES)) {
            works[i].run(argv[2], count);
            return 0;
        }
    fprintf(stderr, "usage: net serve | net capture DEVICE | net pingpong|batched|flood|tcp HOST COUNT\n");
    return 2;
}
