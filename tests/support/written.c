/* written: letters of given bytes, ready to be delivered. */
#include "tests/support/written.h"

#include "proto/must.h"

#include <stdlib.h>

void written_init(struct written *written, const struct disk_access *access, struct span raw,
                  uint32_t block_bytes)
{
    written->block = malloc(block_bytes);
    must(written->block != NULL);
    letter_begin(&written->letter, written->block, block_bytes, LETTER_OCTETS_MAX);
    while (letter_write(&written->letter, &raw) == MAIL_LATER)
        must(letter_spill(&written->letter, access) == MAIL_DONE);
    must(letter_end(&written->letter) == MAIL_DONE);
}

void written_fini(struct written *written, struct disk *disk)
{
    letter_fini(&written->letter, disk);
    free(written->block);
}
