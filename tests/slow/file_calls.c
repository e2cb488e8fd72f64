/* Loaded before all other libraries (LD_PRELOAD), this counts the calls that change files in a folder, and disturbs one.

   A call is counted before it is made. Disturbances of the call with the given number:
     0  the process is killed in its place (SIGKILL)
     1  likewise; a write is made for the first half of its bytes
     2  from that call on, writes and new folders fail with ENOSPC; an empty file needs no room */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KILL, TORN, FULL };

static char folder[4096];
static size_t length;
static long disturbed;
static int disturbance;
static volatile long calls;

void watch_file_calls(const char *path, long number, int what) {
    length = strlen(path);
    memcpy(folder, path, length + 1);
    disturbed = number, disturbance = what, calls = 0;
}

long file_calls(void) { return calls; }

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int inside(const char *path) {
    return length && path && strncmp(path, folder, length) == 0 && (path[length] == '/' || !path[length]);
}

static int inside_fd(int fd) {
    char link[64], path[4096];
    if (!length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return inside(path);
}

/* Count a call. Return 1 if it has to fail for want of room, and 2 if half of it has to be made before death. */
static int counted(int needs_room) {
    long number = __sync_add_and_fetch(&calls, 1);
    if (!disturbed || number < disturbed) return 0;
    if (disturbance == FULL) {
        if (needs_room) errno = ENOSPC;
        return needs_room;
    }
    if (number > disturbed) return 0;
    if (disturbance == TORN && needs_room) return 2;
    die();
    return 0;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define WRITE(name, parameters, whole, half) \
    ssize_t name parameters { \
        REAL(name); \
        int what = inside_fd(fd) ? counted(1) : 0; \
        if (what == 1) return -1; \
        if (what == 2) { ssize_t done = half; (void)done; die(); } \
        return whole; \
    }

WRITE(write, (int fd, const void *data, size_t size), real(fd, data, size), real(fd, data, size / 2))
WRITE(pwrite, (int fd, const void *data, size_t size, off_t at), real(fd, data, size, at), real(fd, data, size / 2, at))
WRITE(pwrite64, (int fd, const void *data, size_t size, off64_t at), real(fd, data, size, at),
      real(fd, data, size / 2, at))
WRITE(writev, (int fd, const struct iovec *data, int size), real(fd, data, size), real(fd, data, size / 2))

#define CHANGE(name, parameters, is_inside, needs_room, call) \
    int name parameters { \
        REAL(name); \
        if (is_inside) { \
            int what = counted(needs_room); \
            if (what == 1) return -1; \
            if (what == 2) die(); \
        } \
        return call; \
    }

CHANGE(fsync, (int fd), inside_fd(fd), 0, real(fd))
CHANGE(fdatasync, (int fd), inside_fd(fd), 0, real(fd))
CHANGE(ftruncate, (int fd, off_t size), inside_fd(fd), 0, real(fd, size))
CHANGE(ftruncate64, (int fd, off64_t size), inside_fd(fd), 0, real(fd, size))
CHANGE(rename, (const char *from, const char *to), inside(to), 0, real(from, to))
CHANGE(unlink, (const char *path), inside(path), 0, real(path))
CHANGE(unlinkat, (int at, const char *path, int flags), inside(path), 0, real(at, path, flags))
CHANGE(rmdir, (const char *path), inside(path), 0, real(path))
CHANGE(mkdir, (const char *path, mode_t mode), inside(path), 1, real(path, mode))

/* Only a call that makes a file changes one. */
static int makes(const char *path, int flags) { return (flags & O_CREAT) && inside(path) && access(path, F_OK) != 0; }

static mode_t mode_of(int flags, va_list rest) { return flags & O_CREAT ? va_arg(rest, mode_t) : 0; }

#define OPEN(name, parameters, call) \
    int name parameters { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = mode_of(flags, rest); \
        va_end(rest); \
        if (makes(path, flags)) counted(0); \
        return call; \
    }

OPEN(open, (const char *path, int flags, ...), real(path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), real(path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), real(at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), real(at, path, flags, mode))
