/*
 * measure: runs a command and appends one line with what it alone cost to a file:
 * user seconds, system seconds, wall seconds, peak RSS in KiB, exit status.
 *
 *   measure SECONDS FILE COMMAND...
 *
 * The command is killed after SECONDS (status 137); SIGINT and SIGTERM are passed on to it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

static void pass_on(int signal)
{
    kill(child, signal == SIGALRM ? SIGKILL : signal);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: measure SECONDS FILE COMMAND...\n");
        return 2;
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    child = fork();
    if (child < 0) {
        perror("measure: fork");
        return 1;
    }
    if (child == 0) {
        execvp(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm((unsigned)atoi(argv[1]));
    int status;
    struct rusage used;
    if (wait4(child, &status, 0, &used) < 0) {
        perror("measure: wait4");
        return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    FILE *out = fopen(argv[2], "a");
    if (out == NULL) {
        perror(argv[2]);
        return 1;
    }
    fprintf(out, "%ld.%06ld %ld.%06ld %.3f %ld %d\n", (long)used.ru_utime.tv_sec, (long)used.ru_utime.tv_usec,
            (long)used.ru_stime.tv_sec, (long)used.ru_stime.tv_usec,
            (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9, used.ru_maxrss, code);
    fclose(out);
    return code;
}
