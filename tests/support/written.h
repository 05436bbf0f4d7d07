/* written: letters of given bytes, ready to be delivered.
 */
#ifndef RINGPOST_TESTS_SUPPORT_WRITTEN_H
#define RINGPOST_TESTS_SUPPORT_WRITTEN_H

#include "storage/letter.h"

struct written {
    struct letter letter;
    char *block;
};

/* Writes and ends a letter of `raw` in a block of `block_bytes`, by way of the disk where it does
 * not fit. Nothing may fail. The end frees the block, too. */
void written_init(struct written *written, const struct disk_access *access, struct span raw,
                  uint32_t block_bytes);
void written_fini(struct written *written, struct disk *disk);

#endif
