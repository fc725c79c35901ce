/* The load generator: plays one script on many connections at a time, and checks every reply.
 *
 *     generator HOST PORT SCRIPT CONNECTIONS SESSIONS
 *
 * SESSIONS connections are made in all, CONNECTIONS at a time. The script is described in bench/script.py. When all
 * is over one line is printed: the seconds that it took and the CPU seconds of this process. At a step "h" the
 * sessions gather; when all are there "holding" is printed, and the end of the standard input ends the run. The first
 * reply that is not the expected one ends the run too, with a message and status 1: a server that refuses quickly must
 * not look fast.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Replies are short; a line that does not fit is a failure. */
#define INPUT 16384
#define EVENTS 256
/* Connections that are under way to their first reply, so that the listening queue never overflows. */
#define OPENING 100
/* Milliseconds without any event before the run is given up. */
#define PATIENCE 60000

struct step {
    char kind;
    int code;
    const char *octets;
    size_t size;
};

struct session {
    int socket;
    SSL *tls;
    size_t step;
    size_t sent;
    char input[INPUT];
    size_t filled;
    size_t read;
};

enum outcome { WAITING, DONE };

static struct step *steps;
static size_t step_count;
static struct sockaddr_in server;
static SSL_CTX *context;
static int poller;
static int to_start, running, opening, holding, finished, sessions;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The script. */

static char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) fail("cannot read %s", path);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    if (!data || fread(data, 1, *size, file) != *size) fail("cannot read %s", path);
    data[*size] = 0;
    fclose(file);
    return data;
}

static void read_script(const char *path) {
    size_t size, room = 0;
    char *data = read_file(path, &size), *place = data;
    while (place < data + size) {
        char *line = place, *end = memchr(place, '\n', (size_t)(data + size - place));
        if (!end) fail("the script ends within a line");
        if (step_count == room) {
            room = room ? room * 2 : 64;
            steps = realloc(steps, room * sizeof *steps);
            if (!steps) fail("no memory");
        }
        struct step *step = &steps[step_count++];
        *step = (struct step){.kind = line[0]};
        place = end + 1;
        switch (line[0]) {
        case 's':
            step->size = strtoul(line + 1, NULL, 10);
            step->octets = place;
            place += step->size;
            break;
        case 'r':
            step->code = atoi(line + 1);
            break;
        case 't':
        case 'h':
            break;
        default:
            fail("no step of a script: %c", line[0]);
        }
    }
}

/* Sessions. Each is driven as far as it goes whenever its socket has news (edge-triggered). */

static void start(void) {
    struct session *session = calloc(1, sizeof *session);
    if (!session) fail("no memory");
    session->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (session->socket < 0) fail("socket: %s", strerror(errno));
    int on = 1;
    setsockopt(session->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(session->socket, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = session};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, session->socket, &event) < 0) fail("epoll_ctl: %s", strerror(errno));
    to_start--;
    running++;
    opening++;
}

static void end(struct session *session) {
    if (session->tls) SSL_free(session->tls);
    close(session->socket);
    free(session);
    running--;
    finished++;
}

/* Octets written or read; 0 for none now. */
static size_t outcome_of_tls(struct session *session, int result) {
    if (result > 0) return (size_t)result;
    int error = SSL_get_error(session->tls, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
    fail("TLS failed: %s", ERR_reason_error_string(ERR_peek_error()) ?: "the connection was closed");
    return 0;
}

static size_t outcome_of_socket(ssize_t result, const char *what) {
    if (result > 0) return (size_t)result;
    if (result == 0) fail("%s: the server closed the connection", what);
    if (errno != EAGAIN && errno != EINPROGRESS && errno != ENOTCONN) fail("%s: %s", what, strerror(errno));
    return 0;
}

static size_t send_some(struct session *session, const char *octets, size_t size) {
    if (session->tls) return outcome_of_tls(session, SSL_write(session->tls, octets, (int)size));
    return outcome_of_socket(send(session->socket, octets, size, MSG_NOSIGNAL), "send");
}

static size_t receive_some(struct session *session) {
    if (session->read == session->filled) session->read = session->filled = 0;
    if (session->filled == INPUT) {
        memmove(session->input, session->input + session->read, session->filled - session->read);
        session->filled -= session->read;
        session->read = 0;
    }
    char *room = session->input + session->filled;
    size_t size = INPUT - session->filled;
    if (size == 0) fail("a reply line is longer than %d octets", INPUT);
    size_t count = session->tls ? outcome_of_tls(session, SSL_read(session->tls, room, (int)size))
                                : outcome_of_socket(recv(session->socket, room, size, 0), "recv");
    session->filled += count;
    return count;
}

static enum outcome say(struct session *session, const struct step *step) {
    while (session->sent < step->size) {
        size_t count = send_some(session, step->octets + session->sent, step->size - session->sent);
        if (count == 0) return WAITING;
        session->sent += count;
    }
    session->sent = 0;
    return DONE;
}

static enum outcome hear(struct session *session, const struct step *step) {
    for (;;) {
        char *line = session->input + session->read;
        char *end = memchr(line, '\n', session->filled - session->read);
        if (!end) {
            if (receive_some(session) == 0) return WAITING;
            continue;
        }
        session->read += (size_t)(end + 1 - line);
        if (end - line < 3) fail("no reply: %.*s", (int)(end - line), line);
        if (line[3] == '-') continue;
        if (atoi(line) != step->code) fail("expected %d and got %.*s", step->code, (int)(end - line), line);
        return DONE;
    }
}

static enum outcome shake_hands(struct session *session) {
    if (!session->tls) {
        session->tls = SSL_new(context);
        if (!session->tls || !SSL_set_fd(session->tls, session->socket)) fail("no TLS to be had");
    }
    return outcome_of_tls(session, SSL_connect(session->tls)) == 0 ? WAITING : DONE;
}

static void drive(struct session *session) {
    while (session->step < step_count) {
        const struct step *step = &steps[session->step];
        enum outcome outcome = WAITING;
        switch (step->kind) {
        case 's': outcome = say(session, step); break;
        case 'r': outcome = hear(session, step); break;
        case 't': outcome = shake_hands(session); break;
        case 'h':
            /* Whatever wakes it once it holds is the end of the connection, which fails, or nothing. */
            if (session->sent) receive_some(session);
            else holding++, opening--;
            session->sent = 1;
            return;
        }
        if (outcome == WAITING) return;
        if (session->step == 0 && steps[step_count - 1].kind != 'h') opening--;
        session->step++;
    }
    end(session);
}

static void hold(void) {
    char octet;
    puts("holding");
    fflush(stdout);
    while (read(STDIN_FILENO, &octet, 1) > 0) {}
}

int main(int count, char **arguments) {
    if (count != 6) fail("usage: generator HOST PORT SCRIPT CONNECTIONS SESSIONS");
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(arguments[2]));
    if (inet_pton(AF_INET, arguments[1], &server.sin_addr) != 1) fail("no IPv4 address: %s", arguments[1]);
    read_script(arguments[3]);
    int connections = atoi(arguments[4]);
    to_start = sessions = atoi(arguments[5]);
    context = SSL_CTX_new(TLS_client_method());
    /* The certificate is one of a minute ago. Each session pays for a whole handshake, none is resumed. */
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    poller = epoll_create1(0);

    double began = seconds(CLOCK_MONOTONIC);
    struct epoll_event events[EVENTS];
    while (finished < sessions && !(holding && holding == sessions)) {
        while (to_start && running < connections && opening < OPENING) start();
        int ready = epoll_wait(poller, events, EVENTS, PATIENCE);
        if (ready == 0) fail("nothing has happened for %d seconds", PATIENCE / 1000);
        for (int index = 0; index < ready; index++) drive(events[index].data.ptr);
    }
    if (holding) hold();
    printf("%.6f %.6f\n", seconds(CLOCK_MONOTONIC) - began, seconds(CLOCK_PROCESS_CPUTIME_ID));
    return 0;
}
