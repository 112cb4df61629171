/* Runs programs in turn, A B A B ..., each as a web server would: with a clean environment, its standard
   input from a file, and its standard output into a pipe that is emptied. Prints a line a run: which,
   nanoseconds to the end of the process, nanoseconds of processor time, peak resident KiB, bytes of output, exit status.
   runner RUNS INPUT -- A... -- B...; the INPUT "body" is CONTENT_LENGTH bytes through a pipe.
   Linux counts our own memory towards a child's peak: this program is a small one for that reason, too. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* A process of its own that writes the request body into a pipe; returns the pipe's other end. */
static int start_writer(void) {
  int in[2];
  if (pipe2(in, O_CLOEXEC)) exit(1);
  if (fork() == 0) {
    static char block[65536];
    long long left = atoll(getenv("CONTENT_LENGTH"));
    memset(block, 'x', sizeof block);
    while (left > 0) {
      ssize_t count = write(in[1], block, left < (long long)sizeof block ? (size_t)left : sizeof block);
      if (count <= 0) break;
      left -= count;
    }
    _exit(0);
  }
  close(in[1]);
  return in[0];
}

static void run(int which, char **command, const char *input) {
  static char buffer[65536];
  int out[2], status;
  pid_t pid;
  struct rusage usage;
  long long bytes = 0;
  posix_spawn_file_actions_t actions;
  int is_piped = strcmp(input, "body") == 0;
  int in = is_piped ? start_writer() : open(input, O_RDONLY | O_CLOEXEC);
  if (in < 0 || pipe2(out, O_CLOEXEC)) exit(1);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);

  long long start = now();
  if (posix_spawn(&pid, command[0], &actions, NULL, command, environ)) {
    perror(command[0]);
    exit(1);
  }
  close(in);
  close(out[1]);
  for (ssize_t count; (count = read(out[0], buffer, sizeof buffer)) > 0;) bytes += count;
  wait4(pid, &status, 0, &usage);
  long long took = now() - start;
  long long processor = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  printf("%d %lld %lld %ld %lld %d\n", which, took, processor * 1000, usage.ru_maxrss, bytes, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  close(out[0]);
  if (is_piped) wait(&status);
}

int main(int argc, char **argv) {
  int runs = atoi(argv[1]);
  char **commands[16];
  int count = 0;
  for (int i = 3; i < argc && count < 16; i++) {
    if (!strcmp(argv[i], "--")) {
      argv[i] = NULL;
      commands[count++] = &argv[i + 1];
    }
  }
  for (int i = 0; i < runs; i++) {
    for (int which = 0; which < count; which++) run(which, commands[which], argv[2]);
  }
  return 0;
}
