/* config_block: the blocks of the configuration file, listener and tls.
 *
 * Knows their keys and what must stand together in one. Values go to the config of the reading in
 * progress as libconfuse comes across them; the tree that it builds is not used, because a second
 * listener of the same title would have replaced the first in it. Opens no certificate.
 */
#ifndef RINGPOST_CORE_CONFIG_BLOCK_H
#define RINGPOST_CORE_CONFIG_BLOCK_H

#include "core/config_reader.h"

#include <confuse.h>

#define CONFIG_BLOCK_KINDS 2 /* of blocks: listener and tls */

/* What libconfuse wants to know of the keys in both kinds; must live until cfg_init is back. */
struct config_block_options {
    cfg_opt_t listener[CONFIG_KEYS_MAX + 1];
    cfg_opt_t tls[CONFIG_KEYS_MAX + 1];
};

/* Fills `out_options`, and the options of the file that are blocks, which point to it. */
void config_block_fill(struct config_block_options *out_options,
                       cfg_opt_t out_blocks[CONFIG_BLOCK_KINDS]);

/* Asks libconfuse for a call at the end of each block of `file`. */
void config_block_watch(cfg_t *file);

/* Answers an unknown key in `block` by those that it may have; false where it is no block. */
bool config_block_refuse_key(struct config_reader *reader, const cfg_t *block, const char *word);

/* What shows only when all blocks have been read. False: the reader has failed. */
bool config_block_check_all(struct config_reader *reader);

#endif
