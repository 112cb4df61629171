/* Makes system calls of a program fail: a library for LD_PRELOAD. It stands between the program and the C library, counts the calls
   on standard descriptors, sockets, files and paths, and gives the planned ones a fault. Each call is a step; steps count from 1.

   FAULTS_PROGRAM  the name of the program that meets faults; other programs that inherit the variables do not
   FAULTS_ARM      the end of a path: counting begins when the program has opened it, which is the script; without it, at once
   FAULTS_PLAN     "step:kind:argument,..." or "step:kind:argument@call,...", which passes over a step that is another call, with these
                   kinds:
                     error E   the call fails with errno E
                     fail E    the call and all later ones of its kind, on the same thing, fail with errno E
                     short N   the call reads or writes N bytes at most
                     shorts N  the same for the call and the next 64 of its kind on the same thing
                     eof 0     the read returns 0
                     signal S  the process gets signal S before the call
                     after S   the process gets signal S after the call
                     parent 0  the parent process is killed before the call
   FAULTS_TRACE    if set, each step is told

   Steps are told on descriptor 100, a line each: "step <number> <call> <thing> <fault>". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { JOURNAL = 100, MAX_PLAN = 8 };

struct fault {
  int step;
  char kind[8];
  int argument;
  char call[12];
};

/* A fault that stays: for one call on one thing. */
struct lasting {
  const char *call, *thing;
  int is_short, argument, left;
};

static long (*real_syscall)(long, ...);
static int is_armed, trace, steps, plan_length, lasting_count;
static const char *arm;
static struct fault plan[MAX_PLAN];
static struct lasting lasting[MAX_PLAN];
/* What the descriptors 0, 1 and 2 led to at the start. */
static struct stat standard[3];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  const char *program = getenv("FAULTS_PROGRAM"), *text = getenv("FAULTS_PLAN");
  if (!program || strcmp(program, program_invocation_short_name)) return;
  for (int at = 0; at < 3; at++) real_syscall(SYS_newfstatat, at, "", &standard[at], AT_EMPTY_PATH);
  trace = getenv("FAULTS_TRACE") != NULL;
  arm = getenv("FAULTS_ARM");
  while (text && *text && plan_length < MAX_PLAN) {
    struct fault *fault = &plan[plan_length];
    if (sscanf(text, "%d:%7[a-z]:%d@%11[a-z]", &fault->step, fault->kind, &fault->argument, fault->call) >= 3) plan_length++;
    text = strchr(text, ',');
    if (text) text++;
  }
  is_armed = arm == NULL;
}

/* Names what a descriptor leads to; NULL for what is no subject of faults. */
static const char *thing_of(int descriptor, int writes) {
  struct stat now;
  if (descriptor == JOURNAL || real_syscall(SYS_newfstatat, descriptor, "", &now, AT_EMPTY_PATH)) return NULL;
  static const char *const names[] = {"stdin", "stdout", "stderr"};
  /* Standard input and output may be one socket. */
  static const int orders[2][3] = {{0, 1, 2}, {1, 2, 0}};
  for (int at = 0; at < 3; at++) {
    int standing = orders[writes][at];
    if (now.st_ino == standard[standing].st_ino && now.st_dev == standard[standing].st_dev && now.st_ino) return names[standing];
  }
  if (S_ISSOCK(now.st_mode)) return "socket";
  if (S_ISREG(now.st_mode)) return "file";
  return NULL;
}

/* Names what is at a path. */
static const char *thing_at(const char *path) {
  static const char *const names[] = {"stdin", "stdout", "stderr"};
  if (!strncmp(path, "/proc/self/fd/", 14) && path[14] >= '0' && path[14] <= '2' && !path[15]) return names[path[14] - '0'];
  return path;
}

static void tell(const char *call, const char *thing, const char *fault, int argument) {
  char line[600];
  int length = snprintf(line, sizeof line, "step %d %s %.400s %s %d\n", steps, call, thing, fault, argument);
  real_syscall(SYS_write, JOURNAL, line, length);
}

/* What is to happen to a call. */
struct outcome {
  int error, limit, signal_before, signal_after, parent, is_eof;
};

static struct outcome next_step(const char *call, const char *thing) {
  struct outcome outcome = {0, -1, 0, 0, 0, 0};
  pthread_mutex_lock(&lock);
  steps++;
  int is_told = 0;
  for (int at = 0; at < lasting_count; at++) {
    struct lasting *stays = &lasting[at];
    if (stays->left <= 0 || strcmp(stays->call, call) || strcmp(stays->thing, thing)) continue;
    stays->left--;
    if (stays->is_short) outcome.limit = stays->argument;
    else outcome.error = stays->argument;
  }
  for (int at = 0; at < plan_length; at++) {
    struct fault *fault = &plan[at];
    if (fault->step != steps || (*fault->call && strcmp(fault->call, call))) continue;
    int argument = fault->argument;
    int is_shorts = !strcmp(fault->kind, "shorts");
    if (!strcmp(fault->kind, "error") || !strcmp(fault->kind, "fail")) outcome.error = argument;
    if (!strcmp(fault->kind, "short") || is_shorts) outcome.limit = argument;
    if (!strcmp(fault->kind, "eof")) outcome.is_eof = 1;
    if (!strcmp(fault->kind, "signal")) outcome.signal_before = argument;
    if (!strcmp(fault->kind, "after")) outcome.signal_after = argument;
    if (!strcmp(fault->kind, "parent")) outcome.parent = 1;
    if (!strcmp(fault->kind, "fail") || is_shorts) {
      struct lasting stays = {call, strdup(thing), is_shorts, argument, is_shorts ? 64 : 1 << 30};
      lasting[lasting_count++] = stays;
    }
    tell(call, thing, fault->kind, argument);
    is_told = 1;
  }
  if (trace && !is_told) tell(call, thing, "-", 0);
  pthread_mutex_unlock(&lock);
  return outcome;
}

/* Does a call whose third argument is a size or, if `vector`, a number of pieces. */
static long do_call(long number, const char *call, const char *thing, int vector, long a, long b, long c, long d, long e, long f) {
  if (!is_armed || !thing) return real_syscall(number, a, b, c, d, e, f);
  struct outcome outcome = next_step(call, thing);
  if (outcome.parent) real_syscall(SYS_kill, getppid(), SIGKILL);
  if (outcome.signal_before) real_syscall(SYS_kill, getpid(), outcome.signal_before);
  if (outcome.is_eof) return 0;
  long result;
  if (outcome.error) {
    /* Linux gives a descriptor free even if close() fails. */
    if (number == SYS_close) real_syscall(number, a, b, c, d, e, f);
    result = -1;
    errno = outcome.error;
  } else if (outcome.limit >= 0 && vector) {
    struct iovec first = *(struct iovec *)b;
    if (first.iov_len > (size_t)outcome.limit) first.iov_len = outcome.limit;
    result = real_syscall(number, a, (long)&first, 1, d, e, f);
  } else {
    result = real_syscall(number, a, b, outcome.limit >= 0 && outcome.limit < c ? outcome.limit : c, d, e, f);
  }
  if (outcome.signal_after) {
    int saved = errno;
    real_syscall(SYS_kill, getpid(), outcome.signal_after);
    errno = saved;
  }
  return result;
}

#define ON(number, name, writes, vector, a, b, c, d, e, f) \
  do_call(number, name, is_armed ? thing_of(a, writes) : NULL, vector, a, (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define AT(number, name, path, a, b, c, d, e) \
  do_call(number, name, is_armed ? thing_at(path) : NULL, 0, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

ssize_t read(int fd, void *to, size_t size) { return ON(SYS_read, "read", 0, 0, fd, to, size, 0, 0, 0); }
ssize_t readv(int fd, const struct iovec *to, int count) { return ON(SYS_readv, "read", 0, 1, fd, to, count, 0, 0, 0); }
ssize_t pread64(int fd, void *to, size_t size, off64_t at) { return ON(SYS_pread64, "read", 0, 0, fd, to, size, at, 0, 0); }
ssize_t preadv64(int fd, const struct iovec *to, int count, off64_t at) { return ON(SYS_preadv, "read", 0, 1, fd, to, count, at, 0, 0); }
ssize_t write(int fd, const void *from, size_t size) { return ON(SYS_write, "write", 1, 0, fd, from, size, 0, 0, 0); }
ssize_t writev(int fd, const struct iovec *from, int count) { return ON(SYS_writev, "write", 1, 1, fd, from, count, 0, 0, 0); }
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) { return ON(SYS_pwrite64, "write", 1, 0, fd, from, size, at, 0, 0); }
ssize_t pwritev64(int fd, const struct iovec *from, int count, off64_t at) { return ON(SYS_pwritev, "write", 1, 1, fd, from, count, at, 0, 0); }
ssize_t send(int fd, const void *from, size_t size, int flags) { return ON(SYS_sendto, "write", 1, 0, fd, from, size, flags, 0, 0); }
ssize_t sendto(int fd, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
  return ON(SYS_sendto, "write", 1, 0, fd, from, size, flags, to, length);
}
ssize_t recv(int fd, void *to, size_t size, int flags) { return ON(SYS_recvfrom, "read", 0, 0, fd, to, size, flags, 0, 0); }
ssize_t recvfrom(int fd, void *to, size_t size, int flags, struct sockaddr *from, socklen_t *length) {
  return ON(SYS_recvfrom, "read", 0, 0, fd, to, size, flags, from, length);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { return ON(SYS_sendmsg, "sendmsg", 1, 0, fd, message, flags, 0, 0, 0); }
ssize_t recvmsg(int fd, struct msghdr *message, int flags) { return ON(SYS_recvmsg, "recvmsg", 0, 0, fd, message, flags, 0, 0, 0); }
int close(int fd) { return ON(SYS_close, "close", 1, 0, fd, 0, 0, 0, 0, 0); }
int shutdown(int fd, int how) { return ON(SYS_shutdown, "shutdown", 1, 0, fd, how, 0, 0, 0, 0); }
int connect(int fd, const struct sockaddr *to, socklen_t length) { return ON(SYS_connect, "connect", 1, 0, fd, to, length, 0, 0, 0); }
int bind(int fd, const struct sockaddr *to, socklen_t length) { return ON(SYS_bind, "bind", 1, 0, fd, to, length, 0, 0, 0); }
int listen(int fd, int backlog) { return ON(SYS_listen, "listen", 1, 0, fd, backlog, 0, 0, 0, 0); }
int accept(int fd, struct sockaddr *from, socklen_t *length) { return ON(SYS_accept, "accept", 0, 0, fd, from, length, 0, 0, 0); }
int accept4(int fd, struct sockaddr *from, socklen_t *length, int flags) {
  return ON(SYS_accept4, "accept", 0, 0, fd, from, length, flags, 0, 0);
}
int ftruncate64(int fd, off64_t length) { return ON(SYS_ftruncate, "ftruncate", 1, 0, fd, length, 0, 0, 0, 0); }

int socket(int domain, int type, int protocol) {
  return do_call(SYS_socket, "socket", "socket", 0, domain, type, protocol, 0, 0, 0);
}
ssize_t readlink(const char *path, char *to, size_t size) { return AT(SYS_readlinkat, "readlink", path, AT_FDCWD, path, to, size, 0); }
int unlink(const char *path) { return AT(SYS_unlinkat, "unlink", path, AT_FDCWD, path, 0, 0, 0); }
int mkdir(const char *path, mode_t mode) { return AT(SYS_mkdirat, "mkdir", path, AT_FDCWD, path, mode, 0, 0); }
int rename(const char *from, const char *to) { return AT(SYS_renameat2, "rename", from, AT_FDCWD, from, AT_FDCWD, to, 0); }
int link(const char *from, const char *to) { return AT(SYS_linkat, "link", from, AT_FDCWD, from, AT_FDCWD, to, 0); }
int access(const char *path, int mode) { return AT(SYS_faccessat, "access", path, AT_FDCWD, path, mode, 0, 0); }

static int open_at(int folder, const char *path, int flags, mode_t mode) {
  int was_armed = is_armed;
  int result = AT(SYS_openat, "open", path, folder, path, flags, mode, 0);
  if (!was_armed && arm && result >= 0) {
    size_t length = strlen(path), end = strlen(arm);
    if (length >= end && !strcmp(path + length - end, arm)) is_armed = 1;
  }
  return result;
}

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | __O_TMPFILE) ? (mode_t)va_arg(rest, int) : 0; }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = mode_of(flags, rest); \
    va_end(rest); \
    return open_at(AT_FDCWD, path, flags, mode); \
  }
#define OPENAT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = mode_of(flags, rest); \
    va_end(rest); \
    return open_at(folder, path, flags, mode); \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

pid_t fork(void) {
  static pid_t (*real_fork)(void);
  if (!real_fork) real_fork = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
  if (!is_armed) return real_fork();
  struct outcome outcome = next_step("fork", "process");
  if (outcome.parent) real_syscall(SYS_kill, getppid(), SIGKILL);
  if (outcome.signal_before) real_syscall(SYS_kill, getpid(), outcome.signal_before);
  if (outcome.error) {
    errno = outcome.error;
    return -1;
  }
  pid_t child = real_fork();
  /* A child that has not yet become another program meets no faults. */
  if (child == 0) is_armed = 0;
  return child;
}

/* libuv closes descriptors and asks for the status of files by this call. */
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
  long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  if (!real_syscall) real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  if (number == SYS_close) return close((int)a);
  if (is_armed && number == SYS_statx) {
    const char *path = (const char *)b;
    return do_call(number, "stat", *path ? thing_at(path) : thing_of((int)a, 0), 0, a, b, c, d, e, f);
  }
  return real_syscall(number, a, b, c, d, e, f);
}
