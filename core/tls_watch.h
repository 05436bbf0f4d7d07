/* tls_watch: notices that a file of the TLS configuration has changed, and that ticket keys are
 * due.
 *
 * Certificates are renewed by programs that do not know us. Their times and sizes are compared with
 * those of the last look; the contents are read by whoever is told.
 */
#ifndef RINGPOST_CORE_TLS_WATCH_H
#define RINGPOST_CORE_TLS_WATCH_H

#include "core/config.h"

struct tls_watch {
    uint64_t looked_s;  /* steady clock */
    uint64_t stamp;     /* of all files together */
    uint64_t rotated_s; /* when ticket keys were made last, steady clock */
};

/* Whether `every_s` seconds have passed since this was last true; true at first. */
bool tls_watch_is_due(struct tls_watch *watch, uint32_t every_s);

/* Whether something is different from the last call; the first call only looks. */
bool tls_watch_changed(struct tls_watch *watch, const struct config *config);

#endif
