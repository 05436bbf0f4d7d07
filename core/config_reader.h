/* config_reader: one reading of a configuration file, from its first key to its first mistake.
 *
 * Holds where the values go and what is known of the block that is being read. Belongs to one
 * config_read and does not outlive it.
 */
#ifndef RINGPOST_CORE_CONFIG_READER_H
#define RINGPOST_CORE_CONFIG_READER_H

#include "core/config.h"
#include "core/config_key.h"

struct config_reader {
    struct config *config;
    char *error;
    size_t error_bytes;
    bool failed;
    struct config_key_group file;  /* the keys outside of blocks */
    struct config_key_group block; /* of the block that is being read; no target before a key */
    uint32_t block_values;         /* its addresses, or its hosts */
    /* Of a listener, whose addresses may stand before them. */
    enum config_tls_mode block_tls;
    enum config_protocol block_protocol;
    uint32_t block_mode;
};

/* libconfuse hands its callbacks nothing that is ours: they ask for the reading in progress in this
 * thread, which stands between begin and end. */
void config_reader_begin(struct config_reader *reader);
struct config_reader *config_reader_now(void);
void config_reader_end(void);

/* Writes the first mistake as a sentence behind file and line; later ones are its consequences and
 * write nothing. Always -1, which makes libconfuse stop. */
int config_reader_fail(struct config_reader *reader, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
