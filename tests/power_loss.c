// A power loss, modelled: what a process wrote survives only if it was synced (POSIX, fsync).
//
// Loaded by LD_PRELOAD. After each fsync or fdatasync of something below POWER_LOSS_FROM:
//   a file:   its bytes are copied to   POWER_LOSS_TO/<identity>, and its name is added to the list of its folder
//             (ext4, XFS and btrfs keep a new file's name with its bytes; POSIX does not promise it)
//   a folder: its names are listed in   POWER_LOSS_TO/<identity>, a line each: d or f, <identity>, <name>; later lines count
// An identity is the inode and the time of its birth, so that a renamed file keeps its bytes and a reused inode does not.
// sync_file_range does not count: it promises nothing about metadata or the disk's cache.
// The test puts the shadow together from there: names as last listed, bytes as last synced, none if never synced.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void stop(const char *what) {
    perror(what);
    abort();
}

static void identity(int folder, const char *name, int flags, char *out, size_t size) {
    struct statx found;
    if (statx(folder, name, flags | AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &found) != 0) {
        snprintf(out, size, "gone");
        return;
    }
    snprintf(out, size, "%llu-%lld-%u", (unsigned long long)found.stx_ino, (long long)found.stx_btime.tv_sec, found.stx_btime.tv_nsec);
}

static void copy_bytes(int from, int to, off_t size) {
    static __thread char buffer[1 << 16];
    if (ftruncate(to, size) != 0) stop("ftruncate");
    off_t at = 0;
    while (at < size && (at = lseek(from, at, SEEK_DATA)) >= 0) {
        off_t end = lseek(from, at, SEEK_HOLE);
        while (at < end) {
            ssize_t got = pread(from, buffer, sizeof buffer < (size_t)(end - at) ? sizeof buffer : (size_t)(end - at), at);
            if (got <= 0) break;
            if (pwrite(to, buffer, got, at) != got) stop("pwrite");
            at += got;
        }
        if (at < end) break;
    }
}

static void list_names(const char *path, int to) {
    DIR *folder = opendir(path);
    if (!folder) stop("opendir");
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        char found[96];
        identity(dirfd(folder), entry->d_name, 0, found, sizeof found);
        if (strcmp(found, "gone")) dprintf(to, "%c %s %s\n", entry->d_type == DT_DIR ? 'd' : 'f', found, entry->d_name);
    }
    closedir(folder);
}

static void add_name(const char *to, char *path, const char *file) {
    char *name = strrchr(path, '/'), folder[96], kept[PATH_MAX], line[PATH_MAX];
    *name++ = 0;
    identity(AT_FDCWD, path, 0, folder, sizeof folder);
    snprintf(kept, sizeof kept, "%s/%s", to, folder);
    int out = open(kept, O_CREAT | O_APPEND | O_WRONLY, 0600);
    int length = snprintf(line, sizeof line, "f %s %s\n", file, name);
    if (out < 0 || write(out, line, length) != length) stop(kept);
    close(out);
}

static void remember(int synced) {
    const char *from = getenv("POWER_LOSS_FROM"), *to = getenv("POWER_LOSS_TO");
    char link[64], path[PATH_MAX], found[96], made[PATH_MAX], kept[PATH_MAX];
    if (!from || !to) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", synced);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (strncmp(path, from, strlen(from))) return;

    pthread_mutex_lock(&one_at_a_time);
    struct stat status;
    if (fstat(synced, &status) != 0) stop("fstat");
    identity(synced, "", AT_EMPTY_PATH, found, sizeof found);
    snprintf(made, sizeof made, "%s/%s.%ld", to, found, (long)syscall(SYS_gettid));
    snprintf(kept, sizeof kept, "%s/%s", to, found);
    int out = open(made, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (out < 0) stop(made);
    int folder = S_ISDIR(status.st_mode), named = 1;
    if (folder) {
        list_names(path, out);
    } else {
        // Opened anew, because the synced one may be open for writing alone. A file that has no name any more cannot survive.
        int in = open(path, O_RDONLY);
        if ((named = in >= 0)) {
            copy_bytes(in, out, status.st_size);
            close(in);
        }
    }
    close(out);
    // As a whole, so that a kill in the middle leaves the state of the sync before.
    if (rename(made, kept) != 0) stop("rename");
    if (!folder && named) add_name(to, path, found);
    pthread_mutex_unlock(&one_at_a_time);
}

int fsync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int result = real(file), error = errno;
    if (result == 0) remember(file);
    errno = error;
    return result;
}

int fdatasync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int result = real(file), error = errno;
    if (result == 0) remember(file);
    errno = error;
    return result;
}
