/* house: the whole server of one process: what shards share, their threads, and word from outside.
 *
 * All that can be wrong is found before the first connection is accepted: nothing is left half
 * started. Afterwards the calling thread only carries word: SIGHUP reads users and certificates
 * anew, SIGTERM and SIGINT end (a second one at once), SIGUSR1 logs the counters.
 */
#ifndef RINGPOST_CORE_HOUSE_H
#define RINGPOST_CORE_HOUSE_H

#include "core/config.h"

struct house;

/* Reads and checks configuration, users and certificates; NULL with a sentence where something is
 * wrong. Nothing is running yet. */
struct house *house_prepare(const char *config_path, char *out_error, size_t error_bytes);

/* What was read; how many users there are. Both until house_free. */
const struct config *house_config(const struct house *house);
uint32_t house_users(const struct house *house);

/* Opens the store, binds every address and starts the threads; false with a sentence. */
bool house_start(struct house *house, char *out_error, size_t error_bytes);

/* Returns when the server has been told to stop and its sessions have ended. */
void house_run(struct house *house);

/* Ends what is running, at once, and frees all. NULL is allowed. */
void house_free(struct house **house);

#endif
