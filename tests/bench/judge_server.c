// judge_server: a chat server for ops/bench that costs little of the cores that it shares with what is measured.
//
// It answers each chat completion after a fixed delay, has a number of places (429 past it) that may move by a seeded schedule, and
// may be dead (connections closed, nobody listening) for a while. Once a second it writes what it could have answered and what it
// did. All times count from the first chat. One thread, epoll; a delay that is the same for all makes the timer a queue.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/bench/judge_answers.h"

enum { CONNECTIONS_MAX = 8192, REQUEST_MAX = 1 << 20, READ_FIRST = 16384, EVENTS = 256, LISTENER = CONNECTIONS_MAX };
static const int64_t MS = 1000000, SECOND = 1000000000;

typedef struct {
    uint64_t generation;    // of this descriptor: an answer that is due for an earlier one is dropped
    char *in;
    size_t in_len, in_size;
    const reply_t *out;     // on its way
    size_t out_at;
    bool open, busy, holds_place, waits;
} conn_t;

typedef struct {
    int64_t at_ns;
    int fd;
    uint64_t generation;
    const reply_t *reply;
} due_t;

typedef struct {
    unsigned port, places, places_low, seed;
    double delay_ms, move_s, dead_from_s, dead_to_s;
    const char *log;
} settings_t;

typedef struct {
    settings_t settings;
    judge_answers_t *answers;
    conn_t conns [CONNECTIONS_MAX];
    due_t due [CONNECTIONS_MAX * 2];    // a ring: as many as there are busy connections, and those that hung up
    size_t due_first, due_n;
    int poll, listener;
    unsigned port, busy;
    int64_t now_ns, first_ns, counted_ns;   // first_ns 0: no chat yet
    FILE *log;
    int64_t second;                         // since 1970, that is being counted
    double could;
    unsigned answered, refused;
} server_t;

static int64_t ns (clockid_t clock)
{
    struct timespec t;
    clock_gettime (clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static void die (const char *what)
{
    fprintf (stderr, "judge_server: %s: %s\n", what, strerror (errno));
    exit (1);
}

// --- what it may do now ----------------------------------------------------------

static double since_first_s (const server_t *s)
{
    return s->first_ns ? (double) (s->now_ns - s->first_ns) / 1e9 : 0;
}

static bool is_dead (const server_t *s)
{
    double at = since_first_s (s);
    return s->first_ns && at >= s->settings.dead_from_s && at < s->settings.dead_to_s;
}

// A new limit between low and high each move_s, drawn from the seed and the move's number.
static unsigned places (const server_t *s)
{
    const settings_t *o = &s->settings;
    if (o->move_s <= 0 || o->places_low >= o->places)
        return o->places;
    uint64_t x = ((uint64_t) (since_first_s (s) / o->move_s) + 1) * 0x9e3779b97f4a7c15u + o->seed * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return o->places_low + (unsigned) ((x ^ (x >> 31)) % (o->places - o->places_low + 1));
}

// --- the account -------------------------------------------------------------------

// What places there were since the last look allowed; a line when a second is over.
static void account (server_t *s)
{
    if (s->first_ns && !is_dead (s))
        s->could += (double) (s->now_ns - s->counted_ns) / 1e6 / s->settings.delay_ms * places (s);
    s->counted_ns = s->now_ns;
    int64_t second = ns (CLOCK_REALTIME) / SECOND;
    if (second == s->second)
        return;
    if (s->first_ns)
        fprintf (s->log, "%" PRId64 " %.1f %u %u %u %u\n", s->second, s->could, s->answered, s->refused, s->busy,
                 is_dead (s) ? 0 : places (s));
    fflush (s->log);
    s->second = second;
    s->could = 0;
    s->answered = s->refused = 0;
}

// --- connections -------------------------------------------------------------------

static void close_conn (server_t *s, int fd)
{
    conn_t *c = &s->conns [fd];
    s->busy -= c->holds_place;
    c->open = c->busy = c->holds_place = c->waits = false;
    c->generation++;
    c->in_len = 0;
    c->out = NULL;
    close (fd);
}

static void watch (server_t *s, int fd, uint32_t events, int how)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    if (epoll_ctl (s->poll, how, fd, &event) != 0)
        die ("epoll_ctl");
}

static void listen_now (server_t *s)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK), .sin_port = htons ((uint16_t) s->port) };
    socklen_t len = sizeof address;
    int one = 1;
    s->listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || setsockopt (s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind (s->listener, (struct sockaddr *) &address, len) != 0 || listen (s->listener, 1024) != 0 ||
        getsockname (s->listener, (struct sockaddr *) &address, &len) != 0)
        die ("listening");
    s->port = ntohs (address.sin_port);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = LISTENER };
    if (epoll_ctl (s->poll, EPOLL_CTL_ADD, s->listener, &event) != 0)
        die ("epoll_ctl");
}

static void accept_all (server_t *s)
{
    for (int fd; s->listener >= 0 && (fd = accept4 (s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        int one = 1;
        if (fd >= CONNECTIONS_MAX) {
            close (fd);
            continue;
        }
        setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        s->conns [fd].open = true;
        watch (s, fd, EPOLLIN, EPOLL_CTL_ADD);
    }
}

// Dead: whoever is connected is cut off, and nobody listens. It listens again when that is over.
static void live_or_die (server_t *s)
{
    if (!is_dead (s)) {
        if (s->listener < 0)
            listen_now (s);
        return;
    }
    if (s->listener < 0)
        return;
    close (s->listener);
    s->listener = -1;
    for (int fd = 0; fd < CONNECTIONS_MAX; fd++)
        if (s->conns [fd].open)
            close_conn (s, fd);
}

// --- answering ---------------------------------------------------------------------

static void read_request (server_t *s, int fd);

static void write_reply (server_t *s, int fd)
{
    conn_t *c = &s->conns [fd];
    ssize_t n = send (fd, c->out->data + c->out_at, c->out->len - c->out_at, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        close_conn (s, fd);
        return;
    }
    c->out_at += n > 0 ? (size_t) n : 0;
    bool waits = c->out_at < c->out->len;
    if (waits != c->waits)
        watch (s, fd, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
    c->waits = waits;
    if (waits)
        return;
    c->out = NULL;
    c->busy = false;
    if (c->in_len > 0)
        read_request (s, fd);
}

static void begin_reply (server_t *s, int fd, const reply_t *reply)
{
    s->conns [fd].out = reply;
    s->conns [fd].out_at = 0;
    write_reply (s, fd);
}

static void begin_chat (server_t *s, int fd, const reply_t *reply)
{
    conn_t *c = &s->conns [fd];
    if (s->first_ns == 0)
        s->first_ns = s->counted_ns = s->now_ns;
    if (s->busy >= places (s)) {
        s->refused++;
        begin_reply (s, fd, judge_answers_busy (s->answers));
        return;
    }
    s->busy++;
    c->holds_place = true;
    size_t size = sizeof s->due / sizeof *s->due;
    if (s->due_n == size)
        die ("too many answers are due");
    s->due [(s->due_first + s->due_n++) % size] = (due_t) {
        .at_ns = s->now_ns + (int64_t) (s->settings.delay_ms * 1e6), .fd = fd, .generation = c->generation, .reply = reply };
}

static void answer_due (server_t *s)
{
    while (s->due_n > 0 && s->due [s->due_first].at_ns <= s->now_ns) {
        due_t due = s->due [s->due_first];
        s->due_first = (s->due_first + 1) % (sizeof s->due / sizeof *s->due);
        s->due_n--;
        conn_t *c = &s->conns [due.fd];
        if (!c->open || c->generation != due.generation)
            continue;
        s->busy--;
        c->holds_place = false;
        s->answered++;
        begin_reply (s, due.fd, due.reply);
    }
}

static size_t content_length (const char *head)
{
    const char *field = strcasestr (head, "\r\ncontent-length:");
    return field ? strtoul (field + strlen ("\r\ncontent-length:"), NULL, 10) : 0;
}

// A whole request, if one has come. The head is looked at as text: its end is made one for the moment.
static void read_request (server_t *s, int fd)
{
    conn_t *c = &s->conns [fd];
    char *end = c->busy ? NULL : memmem (c->in, c->in_len, "\r\n\r\n", 4);
    if (end == NULL)
        return;
    end [2] = '\0';
    size_t head = (size_t) (end - c->in) + 4, body = content_length (c->in);
    bool is_chat = strncmp (c->in, "POST ", 5) == 0 && strstr (c->in, "/chat/completions ");
    bool is_models = strncmp (c->in, "GET ", 4) == 0 && strstr (c->in, "/models ");
    end [2] = '\r';
    if (body > REQUEST_MAX) {
        close_conn (s, fd);
        return;
    }
    if (c->in_len < head + body)
        return;
    const reply_t *reply = is_chat ? judge_answers_chat (s->answers, c->in + head, body)
                         : is_models ? judge_answers_models (s->answers) : judge_answers_unknown (s->answers);
    c->busy = true;
    c->in_len -= head + body;
    memmove (c->in, c->in + head + body, c->in_len);
    if (is_chat)
        begin_chat (s, fd, reply);
    else
        begin_reply (s, fd, reply);
}

static void readable (server_t *s, int fd)
{
    conn_t *c = &s->conns [fd];
    if (c->in_size - c->in_len < READ_FIRST / 2) {
        c->in_size = c->in_size ? c->in_size * 2 : READ_FIRST;
        c->in = mem_resize (c->in, c->in_size);
    }
    ssize_t n = recv (fd, c->in + c->in_len, c->in_size - c->in_len, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN) || c->in_len > REQUEST_MAX * 2) {
        close_conn (s, fd);
        return;
    }
    c->in_len += n > 0 ? (size_t) n : 0;
    read_request (s, fd);
}

// --- the loop ----------------------------------------------------------------------

static void turn (server_t *s)
{
    struct epoll_event events [EVENTS];
    int64_t wait_ns = 20 * MS;
    if (s->due_n > 0 && s->due [s->due_first].at_ns - s->now_ns < wait_ns)
        wait_ns = s->due [s->due_first].at_ns - s->now_ns;
    struct timespec wait = { .tv_nsec = wait_ns > 0 ? wait_ns : 0 };
    int n = epoll_pwait2 (s->poll, events, EVENTS, &wait, NULL);
    s->now_ns = ns (CLOCK_MONOTONIC);
    account (s);
    live_or_die (s);
    answer_due (s);
    for (int i = 0; i < n; i++) {
        int fd = events [i].data.fd;
        if (fd == LISTENER)
            accept_all (s);
        else if (s->conns [fd].open && s->conns [fd].out && (events [i].events & EPOLLOUT))
            write_reply (s, fd);
        else if (s->conns [fd].open)
            readable (s, fd);
    }
}

static volatile sig_atomic_t ended;

static void end (int number)
{
    ended = number;
}

static void usage (void)
{
    fputs ("usage: judge_server [--port N] [--delay-ms D] [--places N [--places-low N --move-s S --seed N]]\n"
           "                    [--dead-from-s T --dead-to-s T] [--log FILE]\n\n"
           "Writes its port to standard output, and to FILE each second:\n"
           "    second since 1970, answers that the places allowed, answers, refusals, places taken, places\n", stderr);
    exit (2);
}

static settings_t read_flags (int argc, char **argv)
{
    static const struct option flags [] = {
        { "port", 1, NULL, 'p' }, { "delay-ms", 1, NULL, 'd' }, { "places", 1, NULL, 'n' }, { "places-low", 1, NULL, 'l' },
        { "move-s", 1, NULL, 'm' }, { "seed", 1, NULL, 's' }, { "dead-from-s", 1, NULL, 'f' }, { "dead-to-s", 1, NULL, 't' },
        { "log", 1, NULL, 'o' }, { NULL, 0, NULL, 0 } };
    settings_t o = { .places = 256, .delay_ms = 200 };
    for (int flag; (flag = getopt_long (argc, argv, "", flags, NULL)) != -1;) {
        double number = optarg ? strtod (optarg, NULL) : 0;
        switch (flag) {
        case 'p': o.port = (unsigned) number; break;
        case 'd': o.delay_ms = number; break;
        case 'n': o.places = (unsigned) number; break;
        case 'l': o.places_low = (unsigned) number; break;
        case 'm': o.move_s = number; break;
        case 's': o.seed = (unsigned) number; break;
        case 'f': o.dead_from_s = number; break;
        case 't': o.dead_to_s = number; break;
        case 'o': o.log = optarg; break;
        default: usage ();
        }
    }
    if (optind < argc || o.port > 65535 || o.delay_ms < 1 || o.places < 1)
        usage ();
    return o;
}

int main (int argc, char **argv)
{
    server_t *s = mem_zero (1, sizeof *s);
    s->settings = read_flags (argc, argv);
    s->log = s->settings.log ? fopen (s->settings.log, "w") : stderr;
    s->poll = epoll_create1 (EPOLL_CLOEXEC);
    if (s->log == NULL || s->poll < 0)
        die (s->settings.log ? s->settings.log : "epoll");
    struct sigaction action = { .sa_handler = end };
    sigaction (SIGTERM, &action, NULL);
    sigaction (SIGINT, &action, NULL);
    s->answers = judge_answers_new ();
    s->port = s->settings.port;
    listen_now (s);
    printf ("%u\n", s->port);
    fflush (stdout);
    while (!ended)
        turn (s);
    for (int fd = 0; fd < CONNECTIONS_MAX; fd++)
        free (s->conns [fd].in);
    judge_answers_destroy (&s->answers);
    if (s->settings.log)
        fclose (s->log);
    free (s);
    return 0;
}
