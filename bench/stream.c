/*
 * The load generator for TCP and UDP.
 *
 *     stream tcp|udp PORT SENDERS SECONDS PAYLOAD
 *
 * Each sender has one payload under way and sends the next when its `201` has come. Any other answer ends the run; one
 * that does not come within a second is counted as failed, and a datagram is sent again. Prints a JSON object: answers
 * a second, latencies in ms, and how many payloads got no answer in time.
 */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SENDERS = 1024, REPLY_ROOM = 64, PATIENCE_MS = 1000 };

struct sender {
    int door;
    double sent;
};

/* Latencies in ms, as many as there were. */
static float *taken;
static size_t answers, room;

static void check(long result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void note(double latency)
{
    if (answers == room) {
        room = room ? room * 2 : 1 << 20;
        taken = realloc(taken, room * sizeof *taken);
        if (taken == NULL)
            check(-1, "realloc");
    }
    taken[answers++] = (float)latency;
}

static int by_size(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static double percentile(size_t share)
{
    return answers ? taken[answers * share / 100] : 0;
}

static int connected(int is_tcp, int port)
{
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int door = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    check(door, "socket");
    check(connect(door, (struct sockaddr *)&address, sizeof address), "connect");
    if (is_tcp)
        check(setsockopt(door, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "setsockopt");
    return door;
}

static void send_one(struct sender *sender, const char *payload, size_t length, double now)
{
    sender->sent = now;
    check(send(sender->door, payload, length, MSG_NOSIGNAL), "send");
}

static void take_one(struct sender *sender)
{
    char reply[REPLY_ROOM];
    long length = recv(sender->door, reply, sizeof reply, 0);
    check(length, "recv");
    if (length != 3 || memcmp(reply, "201", 3) != 0) {
        fprintf(stderr, "the door answered '%.*s'\n", (int)length, reply);
        exit(1);
    }
}

int main(int count, char **arguments)
{
    static struct sender senders[MOST_SENDERS];
    static struct epoll_event ready[MOST_SENDERS];
    int number = count == 6 ? atoi(arguments[3]) : 0;
    if (number < 1 || number > MOST_SENDERS) {
        fprintf(stderr, "usage: stream tcp|udp PORT SENDERS SECONDS PAYLOAD (at most %d senders)\n", MOST_SENDERS);
        return 2;
    }
    int is_tcp = strcmp(arguments[1], "tcp") == 0;
    const char *payload = arguments[5];
    size_t length = strlen(payload);
    int waiting = epoll_create1(0);
    check(waiting, "epoll_create1");
    for (struct sender *sender = senders; sender < senders + number; sender++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = sender};
        sender->door = connected(is_tcp, atoi(arguments[2]));
        check(epoll_ctl(waiting, EPOLL_CTL_ADD, sender->door, &event), "epoll_ctl");
    }
    double start = now_ms(), until = start + atof(arguments[4]) * 1e3, now = start, checked = start;
    long failed = 0;
    for (struct sender *sender = senders; sender < senders + number; sender++)
        send_one(sender, payload, length, start);
    while (now < until) {
        int found = epoll_wait(waiting, ready, number, PATIENCE_MS);
        check(found, "epoll_wait");
        for (int place = 0; place < found; place++) {
            struct sender *sender = ready[place].data.ptr;
            take_one(sender);
            now = now_ms();
            note(now - sender->sent);
            send_one(sender, payload, length, now);
        }
        now = now_ms();
        if (now - checked <= PATIENCE_MS)
            continue;
        checked = now;
        for (struct sender *sender = senders; sender < senders + number; sender++) {
            if (now - sender->sent <= PATIENCE_MS)
                continue;
            failed++;
            if (is_tcp)
                sender->sent = now;
            else
                send_one(sender, payload, length, now);
        }
    }
    qsort(taken, answers, sizeof *taken, by_size);
    printf("{\"rate\":%f,\"p50_ms\":%f,\"p99_ms\":%f,\"failed\":%ld}\n", (double)answers / (now - start) * 1e3,
           percentile(50), percentile(99), failed);
}
