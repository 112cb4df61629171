/* The web server of one run: starts a script on pipes or on a socket, sends it a request body, reads its response, its log and
   its journal (descriptor 100), and tells how it ended. Whatever the script leaves running becomes a child of this process, is
   counted and killed.

   parent [option]... -- program [argument]...
     socket      descriptors 0 and 1 are one socket, as under Apache's mod_cgid; pipes by default
     body=PATH   the request body; none by default
     half=N      N bytes of the body are sent, and then its end
     hold=N      N bytes of the body are sent, and then neither more nor its end
     first       all of the body is sent before anything is read, as Apache and fcgiwrap do
     leave=N     after N bytes of the response nothing is read any more, and the descriptors are closed
     server      another process stands between, which can be killed: it has the only other ends of the descriptors
     out=PATH    the response goes to this file
     same        the log is the response, as under mini_httpd
     mute        the log is a pipe that is full and that nobody reads
     close=N     descriptor N is closed when the script starts
     loose=N     descriptor N is non-blocking
     nofile=N, fsize=N, stack=N, cpu=N     limits of the process
     after=S     the script gets signal S when the first byte of its response has come
     wait=MS     milliseconds after which the run hangs, 20,000 by default

   It writes a line: "exit|signal <number> hung <0|1> left <processes> <length of response> <of log> <of journal>", and these three. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOURNAL = 100 };

static int is_socket, is_first, has_server, is_same, is_mute, closes[3], loosens[3], signal_after;
static long half = -1, hold = -1, leave = -1, wait_for = 20000;
static const char *body_path, *out_path;
static struct {
  int resource;
  long value;
} limits[4];
static int limit_count;

struct stream {
  char *bytes;
  size_t length, room;
};

static void die(const char *what) {
  perror(what);
  exit(99);
}

static long long milliseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Appends what can be read; returns 0 at the end. */
static int take(int descriptor, struct stream *to, size_t most) {
  if (to->room - to->length < 65536) {
    to->room = to->room * 2 + 65536;
    to->bytes = realloc(to->bytes, to->room);
    if (!to->bytes) die("realloc");
  }
  ssize_t count = read(descriptor, to->bytes + to->length, most < 65536 ? most : 65536);
  if (count > 0) to->length += count;
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

static void write_all(int descriptor, const char *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t count = write(descriptor, bytes + done, length - done);
    if (count < 0 && errno != EINTR) return;
    if (count > 0) done += count;
  }
}

static void parse(const char *word) {
  const char *value = strchr(word, '=');
  long number = value ? atol(value + 1) : 0;
  size_t length = value ? (size_t)(value - word) : strlen(word);
  static const struct {
    const char *name;
    int resource;
  } resources[] = {{"nofile", RLIMIT_NOFILE}, {"fsize", RLIMIT_FSIZE}, {"stack", RLIMIT_STACK}, {"cpu", RLIMIT_CPU}};
#define IS(name) (length == strlen(name) && !strncmp(word, name, length))
  if (IS("socket")) is_socket = 1;
  else if (IS("body")) body_path = value + 1;
  else if (IS("half")) half = number;
  else if (IS("hold")) hold = number;
  else if (IS("first")) is_first = 1;
  else if (IS("leave")) leave = number;
  else if (IS("server")) has_server = 1;
  else if (IS("out")) out_path = value + 1;
  else if (IS("same")) is_same = 1;
  else if (IS("mute")) is_mute = 1;
  else if (IS("close")) closes[number] = 1;
  else if (IS("loose")) loosens[number] = 1;
  else if (IS("after")) signal_after = number;
  else if (IS("wait")) wait_for = number;
  else {
    for (size_t at = 0; at < 4; at++)
      if (IS(resources[at].name)) {
        limits[limit_count].resource = resources[at].resource;
        limits[limit_count++].value = number;
        return;
      }
    fprintf(stderr, "parent: unknown option %s\n", word);
    exit(99);
  }
}

static void make_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC)) die("pipe2");
}

static pid_t start(char **command, int in, int out, int log, int journal) {
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child) return child;
  /* The lowest numbers may be among these. */
  int given[4] = {in, out, log, journal};
  for (int at = 0; at < 4; at++) given[at] = fcntl(given[at], F_DUPFD_CLOEXEC, 200);
  for (int at = 0; at < 3; at++) {
    dup2(given[at], at);
    if (loosens[at]) fcntl(at, F_SETFL, fcntl(at, F_GETFL) | O_NONBLOCK);
  }
  dup2(given[3], JOURNAL);
  for (int at = 0; at < 3; at++)
    if (closes[at]) close(at);
  for (int at = 0; at < limit_count; at++) {
    struct rlimit limit = {limits[at].value, limits[at].value};
    setrlimit(limits[at].resource, &limit);
  }
  signal(SIGPIPE, SIG_DFL);
  execvp(command[0], command);
  _exit(98);
}

int main(int count, char **words) {
  int at = 1;
  for (; at < count && strcmp(words[at], "--"); at++) parse(words[at]);
  char **command = words + at + 1;
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  /* Descriptor 100 must be free, and 0 to 2 taken. */
  close(JOURNAL);

  struct stream body = {0}, response = {0}, log = {0}, journal = {0};
  if (body_path) {
    int file = open(body_path, O_RDONLY | O_CLOEXEC);
    if (file < 0) die(body_path);
    while (take(file, &body, 65536));
    close(file);
  }
  size_t end = half >= 0 ? (size_t)half : hold >= 0 ? (size_t)hold : body.length;
  if (end > body.length) end = body.length;

  int journal_pipe[2], server_out[2], server_log[2];
  make_pipe(journal_pipe);
  pid_t server = 0;
  if (has_server) {
    make_pipe(server_out);
    make_pipe(server_log);
    server = fork();
    if (server < 0) die("fork");
  }
  int is_supervisor = server != 0;

  int in = -1, out = -1, err = -1;
  pid_t script = -1;
  if (!is_supervisor) {
    int in_pipe[2], out_pipe[2], log_pipe[2];
    if (is_socket) {
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in_pipe)) die("socketpair");
      out_pipe[0] = fcntl(in_pipe[1], F_DUPFD_CLOEXEC, 3);
      out_pipe[1] = fcntl(in_pipe[0], F_DUPFD_CLOEXEC, 3);
    } else {
      make_pipe(in_pipe);
      make_pipe(out_pipe);
    }
    if (out_path) {
      close(out_pipe[1]);
      out_pipe[1] = open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    make_pipe(log_pipe);
    if (is_mute) {
      fcntl(log_pipe[1], F_SETFL, O_NONBLOCK);
      static char block[65536];
      while (write(log_pipe[1], block, sizeof block) > 0);
      while (write(log_pipe[1], block, 1) > 0);
      fcntl(log_pipe[1], F_SETFL, 0);
    }
    script = start(command, in_pipe[0], out_pipe[1], is_same ? out_pipe[1] : log_pipe[1], journal_pipe[1]);
    close(in_pipe[0]);
    close(out_pipe[1]);
    close(log_pipe[1]);
    in = in_pipe[1];
    out = out_pipe[0];
    err = log_pipe[0];
  } else {
    out = server_out[0];
    err = server_log[0];
    close(server_out[1]);
    close(server_log[1]);
    end = 0;
  }
  int is_server = has_server && !is_supervisor;
  if (!is_server) close(journal_pipe[1]);
  if (in >= 0) fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);

  size_t sent = 0, received = 0;
  long long limit = milliseconds() + wait_for;
  int status = 0, has_ended = 0, hung = 0, left_early = 0;
  int journal_end = is_server ? -1 : journal_pipe[0];
  /* A process that stays may have the journal open. */
  while (out >= 0 || (err >= 0 && !is_mute) || !has_ended) {
    if (in >= 0 && sent == end && (hold < 0 || out < 0)) {
      if (is_socket && out >= 0) shutdown(in, SHUT_WR);
      close(in);
      in = -1;
    }
    int reads = !(is_first && sent < end);
    struct pollfd polled[4] = {
      {in >= 0 && sent < end ? in : -1, POLLOUT, 0},
      {reads ? out : -1, POLLIN, 0},
      {reads && !is_mute ? err : -1, POLLIN, 0},
      {journal_end, POLLIN, 0},
    };
    /* With no descriptor left only the end of the process is to come. */
    poll(polled, 4, out < 0 && err < 0 ? 1 : 20);
    if (polled[0].revents) {
      ssize_t done = write(in, body.bytes + sent, end - sent);
      if (done > 0) sent += done;
      else if (errno != EAGAIN && errno != EINTR) sent = end;
    }
    if (polled[1].revents) {
      /* Behind a server it is the server who leaves. */
      size_t most = leave >= 0 && !is_supervisor ? leave - received : 65536;
      size_t before = response.length;
      int more = most > 0 && take(out, &response, most);
      if (signal_after && received == 0 && response.length > 0 && script > 0) kill(script, signal_after);
      received += response.length - before;
      if (is_server) {
        write_all(server_out[1], response.bytes, response.length);
        response.length = 0;
      }
      if (leave >= 0 && !is_supervisor && received >= (size_t)leave) left_early = 1;
      if (!more || left_early) {
        close(out);
        out = -1;
        if (left_early) {
          if (in >= 0) close(in);
          in = -1;
          sent = end;
        }
      }
    }
    if (polled[2].revents) {
      int more = take(err, &log, 65536);
      if (is_server) {
        write_all(server_log[1], log.bytes, log.length);
        log.length = 0;
      }
      if (!more) {
        close(err);
        err = -1;
      }
    }
    if (polled[3].revents && !take(journal_end, &journal, 65536)) {
      close(journal_end);
      journal_end = -1;
    }
    if (!has_ended) {
      int found;
      /* Behind a server that was killed the script has become a child of the supervisor. */
      pid_t gone = waitpid(is_supervisor ? -1 : script, &found, WNOHANG);
      if (gone > 0 && gone == server) {
        /* A server that has told how the script ended has exited. */
        if (WIFEXITED(found)) {
          status = WEXITSTATUS(found) << 8;
          if (WEXITSTATUS(found) > 200) status = WEXITSTATUS(found) - 200;
          has_ended = 1;
        }
      } else if (gone > 0) {
        status = found;
        has_ended = 1;
      } else if (gone < 0 && errno == ECHILD) {
        has_ended = 1;
      }
    }
    if (milliseconds() > limit) {
      hung = 1;
      break;
    }
  }
  if (is_server) exit(WIFSIGNALED(status) ? 200 + WTERMSIG(status) : WEXITSTATUS(status));

  /* What is left has become our child. It has a second to find out that its pipes are closed. */
  int left = 0;
  for (long long until = milliseconds() + (hung ? 0 : 1000);;) {
    pid_t gone = waitpid(-1, NULL, WNOHANG);
    if (gone < 0) break;
    if (gone > 0) continue;
    if (milliseconds() < until) {
      poll(NULL, 0, 2);
      continue;
    }
    char path[64], children[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    int file = open(path, O_RDONLY);
    ssize_t length = read(file, children, sizeof children - 1);
    close(file);
    if (length <= 0) break;
    children[length] = 0;
    for (char *next = strtok(children, " "); next; next = strtok(NULL, " ")) {
      pid_t child = atoi(next);
      if (child <= 0) continue;
      if (!hung || child != script) left++;
      kill(child, SIGKILL);
      waitpid(child, NULL, 0);
    }
  }
  if (hung)
    while (err >= 0 && !is_mute && take(err, &log, 65536));
  if (journal_end >= 0) {
    fcntl(journal_end, F_SETFL, O_NONBLOCK);
    for (size_t before = journal.length; take(journal_end, &journal, 65536) && journal.length > before;) before = journal.length;
  }
  char line[200];
  int length = snprintf(line, sizeof line, "%s %d hung %d left %d %zu %zu %zu\n", WIFSIGNALED(status) ? "signal" : "exit",
                        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), hung, left, response.length, log.length, journal.length);
  write_all(1, line, length);
  write_all(1, response.bytes, response.length);
  write_all(1, log.bytes, log.length);
  write_all(1, journal.bytes, journal.length);
  return 0;
}
