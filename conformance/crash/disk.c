// Records what a process does to a folder and what it sends, in the order in which it happens; breaks the disk below it if it is asked to.
//
// Loaded by LD_PRELOAD. Everything below CRASH_FROM is recorded into the file CRASH_TRACE: each write with its bytes, each truncation, each change of
// names as a listing of the folder, the beginning and the end of each sync; and the first bytes of whatever is written to a socket. One lock is held over
// each step and its record, so that their order in the file is the order in which they took place: what stands before an answer was done before it.
// `disk.py` reads the file and rebuilds what the disk holds after a power loss at any record.
//
// A record: kind (1 byte), length of the text (4), inode (8), offset (8), length of the data (8), the text, the data. Kinds:
//   w  data was written at offset        t  the file was truncated to offset      c  the inode begins anew, empty
//   n  the folder has these names, a line each: d or f, inode, name               I  all that was recorded so far is on the disk
//   b  a sync began (offset: a number of its own; text: the folder's names, or of a file the inode of its folder and its name)
//   e  the sync of that number ended well        s  data was sent        x  a fault was injected (text: which; inode: of what a sync failed)
//
// Names that are changed without the C library (renameat of rustix) are seen at the next listing of the folder; its syncs list it as it really is.
//   CRASH_SYNC_US=N         each sync takes up to N microseconds longer, with the lock open
//   CRASH_LIE=sync          syncs answer well and do nothing; =delay: they answer before they are done, and are done 20 ms later
//   CRASH_FAULT=A:B:N:C     A: EIO or ENOSPC; B: write or sync; N: the how-manieth of them after the first answer was sent (from the start, if it begins
//                           with 0); C: once or always, from then on
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SENT_BYTES_MAX = 1024, NAMES_BYTES_MAX = 1 << 20, LIE_US = 20000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1, lies, lies_late, delay_us;
static char from[PATH_MAX];
static size_t from_length;
static uint64_t next_sync;
static struct { int error, on_sync, always, is_armed, from_start; long left; } fault;
static char names[NAMES_BYTES_MAX];

#define REAL(name) \
    static __typeof__(&name) real_##name; \
    if (!real_##name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void stop(const char *what) {
    perror(what);
    abort();
}

static void record(char kind, uint64_t inode, uint64_t offset, const char *text, const void *data, uint64_t length) {
    struct __attribute__((packed)) { char kind; uint32_t text; uint64_t inode, offset, length; } head = {kind, strlen(text), inode, offset, length};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)text, head.text}, {(void *)data, length}};
    ssize_t whole = sizeof head + head.text + length;
    if (syscall(SYS_writev, trace, parts, 3) != whole) stop("the trace");
}

// Whether the descriptor is something below the folder (1), or a socket (2); gives its path.
static int place(int file, char *path) {
    if (trace < 0) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strncmp(path, "socket:", 7)) return 2;
    return !strncmp(path, from, from_length) && (path[from_length] == '/' || !path[from_length]);
}

static uint64_t inode_of(int file) {
    struct stat status;
    return fstat(file, &status) == 0 ? status.st_ino : 0;
}

static char *list(const char *path) {
    size_t used = 0;
    names[0] = 0;
    DIR *folder = opendir(path);
    if (!folder) return names;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        used += snprintf(names + used, sizeof names - used, "%c %llu %s\n", entry->d_type == DT_DIR ? 'd' : 'f', (unsigned long long)entry->d_ino, entry->d_name);
        if (used >= sizeof names) stop("too many names");
    }
    closedir(folder);
    return names;
}

static void list_folder(const char *path) {
    struct stat status;
    if (!strncmp(path, from, from_length) && stat(path, &status) == 0) record('n', status.st_ino, 0, list(path), NULL, 0);
}

static void list_parent(const char *path) {
    char parent[PATH_MAX], *slash;
    if (path[0] == '/') snprintf(parent, sizeof parent, "%s", path);
    else if (!getcwd(parent, sizeof parent - strlen(path) - 2)) return;
    else strcat(strcat(parent, "/"), path);
    if ((slash = strrchr(parent, '/'))) *slash = 0;
    list_folder(parent);
}

// Whether this step is to fail.
static int fails(int is_sync, int file) {
    if (!fault.is_armed || fault.on_sync != is_sync || fault.left < 0) return 0;
    if (--fault.left > 0) return 0;
    fault.left = fault.always ? 1 : -1;
    record('x', is_sync ? inode_of(file) : 0, 0, fault.error == EIO ? "EIO" : "ENOSPC", NULL, 0);
    return 1;
}

static void begin_with(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return;
    list_folder(path);
    struct dirent *entry;
    static char buffer[1 << 16];
    while ((entry = readdir(folder))) {
        char below[PATH_MAX];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >= (int)sizeof below) stop("a path is too long");
        if (entry->d_type == DT_DIR) {
            begin_with(below);
            continue;
        }
        int in = open(below, O_RDONLY);
        struct stat status;
        if (in < 0 || fstat(in, &status) != 0) stop(below);
        record('t', status.st_ino, status.st_size, "", NULL, 0);
        off_t at = 0;
        while (at < status.st_size && (at = lseek(in, at, SEEK_DATA)) >= 0) {
            off_t end = lseek(in, at, SEEK_HOLE);
            while (at < end) {
                ssize_t got = pread(in, buffer, sizeof buffer < (size_t)(end - at) ? sizeof buffer : (size_t)(end - at), at);
                if (got <= 0) stop(below);
                record('w', status.st_ino, at, "", buffer, got);
                at += got;
            }
        }
        close(in);
    }
    closedir(folder);
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("CRASH_FROM"), *file = getenv("CRASH_TRACE"), *asked;
    struct stat status;
    if (!folder || !file || !realpath(folder, from)) return;
    from_length = strlen(from);
    delay_us = (asked = getenv("CRASH_SYNC_US")) ? atoi(asked) : 0;
    lies = (asked = getenv("CRASH_LIE")) && !strcmp(asked, "sync");
    lies_late = asked && !strcmp(asked, "delay");
    char error[16], kind[16], number[16], how[16];
    if ((asked = getenv("CRASH_FAULT")) && sscanf(asked, "%15[^:]:%15[^:]:%15[^:]:%15s", error, kind, number, how) == 4) {
        fault.error = strcmp(error, "EIO") ? ENOSPC : EIO;
        fault.on_sync = !strcmp(kind, "sync");
        fault.always = !strcmp(how, "always");
        fault.left = atol(number);
        fault.from_start = fault.is_armed = number[0] == '0';
    }
    int opened = open(file, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
    if (opened < 0 || stat(from, &status) != 0) stop(file);
    trace = opened;
    record('r', status.st_ino, 0, "", NULL, 0);
    begin_with(from);
    record('I', 0, 0, "", NULL, 0);
}

// ---- Writing ----

static void sent(const struct iovec *parts, int count) {
    char first[SENT_BYTES_MAX];
    size_t used = 0;
    for (int at = 0; at < count && used < sizeof first; at++) {
        size_t more = parts[at].iov_len < sizeof first - used ? parts[at].iov_len : sizeof first - used;
        memcpy(first + used, parts[at].iov_base, more);
        used += more;
    }
    record('s', 0, 0, "", first, used);
    if (!fault.is_armed && fault.error) fault.is_armed = 1;
}

static void wrote(int file, off_t at, const struct iovec *parts, int count, ssize_t result) {
    uint64_t inode = inode_of(file);
    for (int part = 0; part < count && result > 0; part++) {
        size_t length = (size_t)result < parts[part].iov_len ? (size_t)result : parts[part].iov_len;
        record('w', inode, at, "", parts[part].iov_base, length);
        at += length;
        result -= length;
    }
}

// One write of whatever form; `at` is -1 where the file's own place counts.
static ssize_t write_parts(int file, const struct iovec *parts, int count, off_t at) {
    char path[PATH_MAX];
    int is = place(file, path);
    if (!is) return at < 0 ? syscall(SYS_writev, file, parts, count) : syscall(SYS_pwritev, file, parts, count, at, 0);
    pthread_mutex_lock(&lock);
    ssize_t result;
    int error = 0;
    if (is == 2) {
        sent(parts, count);
        result = syscall(SYS_writev, file, parts, count);
        error = errno;
    } else if (fails(0, file)) {
        result = -1;
        error = fault.error;
    } else {
        off_t begins = at;
        if (at < 0) {
            struct stat status;
            int is_appending = fcntl(file, F_GETFL) & O_APPEND;
            begins = is_appending && fstat(file, &status) == 0 ? status.st_size : lseek(file, 0, SEEK_CUR);
        }
        result = at < 0 ? syscall(SYS_writev, file, parts, count) : syscall(SYS_pwritev, file, parts, count, at, 0);
        error = errno;
        wrote(file, begins, parts, count, result);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

ssize_t write(int file, const void *data, size_t length) {
    struct iovec part = {(void *)data, length};
    return write_parts(file, &part, 1, -1);
}

ssize_t writev(int file, const struct iovec *parts, int count) { return write_parts(file, parts, count, -1); }

ssize_t pwrite(int file, const void *data, size_t length, off_t at) {
    struct iovec part = {(void *)data, length};
    return write_parts(file, &part, 1, at);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t at) { return pwrite(file, data, length, at); }
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) { return write_parts(file, parts, count, at); }
ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at) { return write_parts(file, parts, count, at); }

static ssize_t send_parts(int file, const struct iovec *parts, int count, const struct msghdr *message, int flags) {
    int error;
    if (trace < 0) return syscall(SYS_sendmsg, file, message, flags);
    pthread_mutex_lock(&lock);
    sent(parts, count);
    ssize_t result = syscall(SYS_sendmsg, file, message, flags);
    error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
    return send_parts(file, message->msg_iov, message->msg_iovlen, message, flags);
}

ssize_t send(int file, const void *data, size_t length, int flags) {
    struct iovec part = {(void *)data, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return send_parts(file, &part, 1, &message, flags);
}

int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    char path[PATH_MAX];
    if (place(file, path) != 1) return real_ftruncate(file, size);
    pthread_mutex_lock(&lock);
    int result = real_ftruncate(file, size), error = errno;
    if (result == 0) record('t', inode_of(file), size, "", NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int ftruncate64(int file, off64_t size) { return ftruncate(file, size); }

// What would pass by the record is refused; whoever calls these has another way.
ssize_t copy_file_range(int in, off64_t *from_at, int out, off64_t *to_at, size_t length, unsigned flags) {
    char path[PATH_MAX];
    if (place(out, path) == 1) { errno = ENOSYS; return -1; }
    return syscall(SYS_copy_file_range, in, from_at, out, to_at, length, flags);
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t length) {
    char path[PATH_MAX];
    if (place(out, path)) { errno = EINVAL; return -1; }
    return syscall(SYS_sendfile, out, in, at, length);
}

ssize_t sendfile(int out, int in, off_t *at, size_t length) { return sendfile64(out, in, at, length); }

// ---- Names ----

static int open_recorded(int folder, const char *path, int flags, mode_t mode) {
    if (trace < 0 || !(flags & (O_CREAT | O_TRUNC))) return syscall(SYS_openat, folder, path, flags, mode);
    char found[PATH_MAX];
    pthread_mutex_lock(&lock);
    int existed = syscall(SYS_faccessat, folder, path, F_OK) == 0;
    int result = syscall(SYS_openat, folder, path, flags, mode), error = errno;
    if (result >= 0 && place(result, found) == 1) {
        if (!existed) {
            record('c', inode_of(result), 0, "", NULL, 0);
            list_parent(found);
        } else if (flags & O_TRUNC) {
            record('t', inode_of(result), 0, "", NULL, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

#define OPEN(folder, path, flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    } \
    return open_recorded(folder, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD, path, flags); }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD, path, flags); }
int openat(int folder, const char *path, int flags, ...) { OPEN(folder, path, flags); }
int openat64(int folder, const char *path, int flags, ...) { OPEN(folder, path, flags); }

#define NAMING(call, one, other) \
    if (trace < 0) return call; \
    pthread_mutex_lock(&lock); \
    int result = call, error = errno; \
    if (result == 0) { \
        list_parent(one); \
        if (other) list_parent(other); \
    } \
    pthread_mutex_unlock(&lock); \
    errno = error; \
    return result

static const char *const none = NULL;

int rename(const char *old, const char *new) { NAMING(syscall(SYS_renameat, AT_FDCWD, old, AT_FDCWD, new), old, new); }
int unlink(const char *path) { NAMING(syscall(SYS_unlinkat, AT_FDCWD, path, 0), path, none); }
int rmdir(const char *path) { NAMING(syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR), path, none); }
int mkdir(const char *path, mode_t mode) { NAMING(syscall(SYS_mkdirat, AT_FDCWD, path, mode), path, none); }

// ---- Syncing ----

static int sync_recorded(int file, int call) {
    char path[PATH_MAX];
    struct stat status;
    if (place(file, path) != 1) return syscall(call, file);
    if (lies) return 0;
    pthread_mutex_lock(&lock);
    if (fails(1, file)) {
        pthread_mutex_unlock(&lock);
        errno = fault.error;
        return -1;
    }
    if (fstat(file, &status) != 0) stop(path);
    uint64_t number = ++next_sync;
    if (S_ISDIR(status.st_mode)) {
        record('b', status.st_ino, number, list(path), NULL, 0);
    } else {
        // ext4, XFS and btrfs keep a new file's name with its bytes; POSIX does not promise it. Without a name any more it cannot survive.
        struct stat parent, named;
        char line[PATH_MAX + 32] = "", *slash = strrchr(path, '/');
        int is_named = stat(path, &named) == 0 && named.st_ino == status.st_ino;
        *slash = 0;
        if (is_named && stat(path, &parent) == 0) snprintf(line, sizeof line, "%llu %s", (unsigned long long)parent.st_ino, slash + 1);
        record('b', status.st_ino, number, line, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    static __thread unsigned chance = 1;
    if (delay_us > 0) usleep(rand_r(&chance) % delay_us);
    int result = syscall(call, file), error = errno;
    pthread_mutex_lock(&lock);
    if (result == 0) record('e', status.st_ino, number, "", NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

static void *sync_later(void *given) {
    usleep(LIE_US);
    sync_recorded((int)(intptr_t)given, SYS_fsync);
    close((int)(intptr_t)given);
    return NULL;
}

static int sync_as_asked(int file, int call) {
    char path[PATH_MAX];
    pthread_t thread;
    if (!lies_late || place(file, path) != 1) return sync_recorded(file, call);
    if (pthread_create(&thread, NULL, sync_later, (void *)(intptr_t)dup(file)) != 0) stop("a thread");
    pthread_detach(thread);
    return 0;
}

int fsync(int file) { return sync_as_asked(file, SYS_fsync); }
int fdatasync(int file) { return sync_as_asked(file, SYS_fdatasync); }
