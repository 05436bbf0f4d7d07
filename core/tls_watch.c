/* tls_watch: notices that a file of the TLS configuration has changed, and that ticket keys are
 * due.
 */
#include "core/tls_watch.h"

#include "core/tls_tickets.h"

#include <sys/stat.h>
#include <time.h>

static uint64_t stamp_of(const struct config *config);
static uint64_t add_file(uint64_t stamp, const char *path);
static uint64_t add(uint64_t stamp, uint64_t value);

bool tls_watch_is_due(struct tls_watch *watch, uint32_t every_s)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((uint64_t)now.tv_sec < watch->looked_s + every_s)
        return false;
    watch->looked_s = (uint64_t)now.tv_sec;
    return true;
}

bool tls_watch_changed(struct tls_watch *watch, const struct config *config)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t stamp = stamp_of(config);
    bool is_first = watch->stamp == 0;
    bool is_due = (uint64_t)now.tv_sec >= watch->rotated_s + TLS_TICKET_ROTATION_S;
    bool has_changed = stamp != watch->stamp || is_due;
    if (has_changed)
        watch->rotated_s = (uint64_t)now.tv_sec;
    watch->stamp = stamp;
    return has_changed && !is_first;
}

static uint64_t stamp_of(const struct config *config)
{
    uint64_t stamp = 1;
    for (uint32_t i = 0; i < config->tls_count; i++) {
        stamp = add_file(stamp, config->tls[i].certificate);
        stamp = add_file(stamp, config->tls[i].key);
        stamp = add_file(stamp, config->tls[i].ocsp);
        stamp = add_file(stamp, config->tls[i].ticket_keys);
        stamp = add_file(stamp, config->tls[i].client_ca);
    }
    return stamp | 1;
}

static uint64_t add_file(uint64_t stamp, const char *path)
{
    struct stat facts = {0};
    if (path[0] == '\0' || stat(path, &facts) != 0)
        return add(stamp, 0);
    stamp = add(stamp, (uint64_t)facts.st_mtim.tv_sec);
    stamp = add(stamp, (uint64_t)facts.st_mtim.tv_nsec);
    stamp = add(stamp, (uint64_t)facts.st_size);
    return add(stamp, facts.st_ino);
}

static uint64_t add(uint64_t stamp, uint64_t value)
{
    return (stamp ^ value) * 0x9E3779B97F4A7C15U + (stamp >> 29);
}
