/* Delays each sync of a file by the microseconds in the file named by SLOW_DISK. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *delay_us;

__attribute__((constructor)) static void map_delay(void) {
    const char *path = getenv("SLOW_DISK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *delay_us, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) delay_us = mapped;
    close(file);
}

static int late(const char *name, int file) {
    int64_t us = delay_us ? *delay_us : 0;
    if (us > 0) {
        struct timespec rest = {us / 1000000, us % 1000000 * 1000};
        nanosleep(&rest, NULL);
    }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return real(file);
}

int fsync(int file) { return late("fsync", file); }
int fdatasync(int file) { return late("fdatasync", file); }
