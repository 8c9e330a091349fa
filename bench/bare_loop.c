/*
 * The bare loops, without a store: what the system allows to anyone who answers `201` to everything.
 *
 *     bare_loop tcp|udp
 *
 * Prints the port that it has taken on 127.0.0.1, and answers until it is ended. Over TCP whatever one read of a
 * connection returns is answered once; over UDP each datagram is.
 */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { READ_BYTES = 2048, EVENTS = 1024, BACKLOG = 1024 };

static const char REPLY[] = "201";
enum { REPLY_BYTES = sizeof REPLY - 1 };

static void check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static void wait_for(int waiting, int door)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = door};
    check(epoll_ctl(waiting, EPOLL_CTL_ADD, door, &event), "epoll_ctl");
}

static void accept_one(int waiting, int door)
{
    int one = 1;
    int peer = accept(door, NULL, NULL);
    check(peer, "accept");
    check(setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "setsockopt");
    wait_for(waiting, peer);
}

static void answer(int peer)
{
    char body[READ_BYTES];
    /* A connection that is over is closed, and epoll forgets it with that. */
    if (recv(peer, body, sizeof body, 0) <= 0 || send(peer, REPLY, REPLY_BYTES, MSG_NOSIGNAL) < 0)
        close(peer);
}

static void tcp(int door)
{
    struct epoll_event ready[EVENTS];
    int waiting = epoll_create1(0);
    check(waiting, "epoll_create1");
    wait_for(waiting, door);
    for (;;) {
        int count = epoll_wait(waiting, ready, EVENTS, -1);
        check(count, "epoll_wait");
        for (int place = 0; place < count; place++) {
            if (ready[place].data.fd == door)
                accept_one(waiting, door);
            else
                answer(ready[place].data.fd);
        }
    }
}

static void udp(int door)
{
    char body[READ_BYTES];
    for (;;) {
        struct sockaddr_in sender;
        socklen_t length = sizeof sender;
        check((int)recvfrom(door, body, sizeof body, 0, (struct sockaddr *)&sender, &length), "recvfrom");
        check((int)sendto(door, REPLY, REPLY_BYTES, 0, (struct sockaddr *)&sender, length), "sendto");
    }
}

int main(int count, char **arguments)
{
    int is_tcp = count == 2 && strcmp(arguments[1], "tcp") == 0;
    if (!is_tcp && (count != 2 || strcmp(arguments[1], "udp") != 0)) {
        fprintf(stderr, "usage: bare_loop tcp|udp\n");
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int door = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    check(door, "socket");
    check(bind(door, (struct sockaddr *)&address, sizeof address), "bind");
    if (is_tcp)
        check(listen(door, BACKLOG), "listen");
    check(getsockname(door, (struct sockaddr *)&address, &length), "getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    if (is_tcp)
        tcp(door);
    else
        udp(door);
}
