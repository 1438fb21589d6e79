/* Copyright: Contributors to the vya.backupdb project
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Preloaded into a tool: of what is written to regular files below LYING_DISK, one byte goes to the disk wrong, and
 * nobody is told. LYING_DISK_DONE is a file that is created when that has happened, so that it happens once. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* Smaller writes are headers and indexes; backups write their data in large ones. */
#define LARGE 4096

static int is_meant(int fd, size_t count)
{
    const char *disk = getenv("LYING_DISK"), *done = getenv("LYING_DISK_DONE");
    char link[64], path[4096];
    struct stat found;
    ssize_t length;
    int flag;

    if (count < LARGE || !disk || !done || fstat(fd, &found) || !S_ISREG(found.st_mode))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (strncmp(path, disk, strlen(disk)))
        return 0;
    flag = open(done, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (flag < 0)
        return 0;
    close(flag);
    return 1;
}

ssize_t write(int fd, const void *data, size_t count)
{
    static ssize_t (*real)(int, const void *, size_t);
    ssize_t written;
    char *wrong;

    if (!real)
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (!is_meant(fd, count) || !(wrong = malloc(count)))
        return real(fd, data, count);
    memcpy(wrong, data, count);
    wrong[count / 2] ^= 0x10;
    written = real(fd, wrong, count);
    free(wrong);
    return written;
}
