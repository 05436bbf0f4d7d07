/* residency: cachestat(2), and a byte here and there; see residency.h. */
#include "core/residency.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* cachestat(2), kernel 6.5, has this number on every processor that has io_uring and that we know;
 * the C libraries of today have no names for it. */
#define CACHESTAT_CALL 451

/* Pages travel in larger pieces than this. */
#define ARRIVING_BYTES (32 * 1024)

/* A device that lets somebody wait for so long is given up for other reasons. What a read without a
 * miss makes the kernel read ahead is less than a message, and costs one wait of the device's. */
#define ARRIVING_S 10

/* What cachestat(2) takes and gives, by the kernel's layout. */
struct cache_range {
    uint64_t offset;
    uint64_t bytes;
};
struct cache_pages {
    uint64_t cached, dirty, in_writeback, evicted, recently_evicted;
};

static bool may_be_arriving(const struct residency *residency);
static bool has_arrived(int file, uint64_t offset, uint64_t bytes);
static unsigned steady_s(void);

bool residency_find(struct residency *residency, int file, uint64_t offset, uint64_t bytes,
                    bool *out_resident)
{
    static atomic_bool is_missing; /* asked of the kernel once for the whole process */
    if (atomic_load_explicit(&is_missing, memory_order_relaxed))
        return false;
    struct cache_range range = {offset, bytes};
    struct cache_pages pages = {0};
    if (syscall(CACHESTAT_CALL, file, &range, &pages, 0) < 0) {
        if (errno == ENOSYS)
            atomic_store_explicit(&is_missing, true, memory_order_relaxed);
        return false;
    }
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t wanted = (offset + bytes - 1) / page_bytes - offset / page_bytes + 1;
    *out_resident =
        pages.cached >= wanted && (!may_be_arriving(residency) || has_arrived(file, offset, bytes));
    if (!*out_resident)
        residency_miss(residency);
    return true;
}

/* Written once a second at most: all shards read it. */
void residency_miss(struct residency *residency)
{
    const unsigned now_s = steady_s();
    if (atomic_load_explicit(&residency->missed_s, memory_order_relaxed) != now_s)
        atomic_store_explicit(&residency->missed_s, now_s, memory_order_relaxed);
}

static bool may_be_arriving(const struct residency *residency)
{
    return steady_s() - atomic_load_explicit(&residency->missed_s, memory_order_relaxed) <
           ARRIVING_S;
}

/* A byte of each piece tells. Where the file system knows no RWF_NOWAIT, cachestat is believed. */
static bool has_arrived(int file, uint64_t offset, uint64_t bytes)
{
    for (uint64_t end = ARRIVING_BYTES;; end += ARRIVING_BYTES) {
        char byte;
        const struct iovec place = {&byte, 1};
        const uint64_t last = (end < bytes ? end : bytes) - 1;
        if (preadv2(file, &place, 1, (off_t)(offset + last), RWF_NOWAIT) < 0 && errno == EAGAIN)
            return false;
        if (end >= bytes)
            return true;
    }
}

void residency_settle(int file, uint64_t offset, uint64_t bytes)
{
    const int nobody = open("/dev/null", O_WRONLY | O_CLOEXEC);
    off_t at = (off_t)offset;
    while (nobody >= 0 && bytes > 0) {
        const ssize_t sent = sendfile(nobody, file, &at, bytes);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            break; /* whoever sends meets the same, and says so */
        bytes -= (uint64_t)sent;
    }
    if (nobody >= 0)
        close(nobody);
}

static unsigned steady_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (unsigned)now.tv_sec;
}
