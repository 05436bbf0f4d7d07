/* letter: see letter.h.
 *
 * The block always keeps room for the end of the message, so that ending never needs a spill; and
 * what is in the block at the end stays there, so that a letter of a little more than a block is
 * not read from the disk twice.
 */
#include "storage/letter.h"

#include "proto/must.h"
#include "storage/native_index.h"

#include <string.h>

/* A record counts wire bytes with 32 bits, and the first line and the lines that are put in front
 * are among them. */
#define WIRE_BYTES_MAX (UINT32_MAX - 65536)

static enum mail_result result_of(int error);
static enum mail_result spoil(struct letter *letter, enum mail_result why);
static bool is_too_big(const struct letter *letter);

enum mail_result letter_write(struct letter *letter, struct span *raw)
{
    must(!letter->ended);
    if (letter->failed == MAIL_DONE && raw->length > 0) {
        const uint32_t room = letter->block_bytes - DOT_END_MAX - letter->block_used;
        letter->block_used +=
            (uint32_t)dot_code(&letter->coder, raw, letter->block + letter->block_used, room);
        if (is_too_big(letter))
            (void)spoil(letter, MAIL_TOO_BIG);
        else if (raw->length > 0)
            return MAIL_LATER;
    }
    if (letter->failed != MAIL_DONE)
        *raw = (struct span){raw->bytes + raw->length, 0};
    return letter->failed;
}

void letter_begin(struct letter *letter, char *block, uint32_t block_bytes, uint64_t octets_max)
{
    must(block_bytes >= LETTER_BLOCK_BYTES_MIN && octets_max <= LETTER_OCTETS_MAX);
    *letter = (struct letter){
        .octets_max = (uint32_t)octets_max,
        .block = block,
        .block_bytes = block_bytes,
        .file = -1,
    };
    dot_init(&letter->coder);
}

enum mail_result letter_spill(struct letter *letter, const struct disk_access *access)
{
    must(access->patience == DISK_WAIT && !letter->ended);
    if (letter->failed != MAIL_DONE)
        return letter->failed;
    if (letter->file < 0) {
        const int file = disk_open_temporary(access->disk);
        if (file < 0)
            return spoil(letter, result_of(file));
        letter->file = file;
    }
    const int written = disk_write(access->disk, letter->file, letter->block, letter->block_used,
                                   letter->file_bytes);
    if (written < 0)
        return spoil(letter, result_of(written));
    letter->file_bytes += letter->block_used;
    letter->block_used = 0;
    return MAIL_DONE;
}

enum mail_result letter_end(struct letter *letter)
{
    must(!letter->ended);
    if (letter->failed != MAIL_DONE)
        return letter->failed;
    letter->block_used += (uint32_t)dot_finish(&letter->coder, letter->block + letter->block_used);
    if (is_too_big(letter))
        return spoil(letter, MAIL_TOO_BIG);
    letter->octets = (uint32_t)letter->coder.octets;
    letter->wire_bytes = (uint32_t)letter->coder.wire_bytes;
    letter->header_bytes = (uint32_t)letter->coder.header_bytes;
    letter->ended = true;
    return MAIL_DONE;
}

enum mail_result letter_read(const struct letter *letter, const struct disk_access *access,
                             uint32_t offset, char *out_bytes, uint32_t bytes)
{
    must(letter->ended && offset <= letter->wire_bytes && bytes <= letter->wire_bytes - offset);
    uint32_t filed = 0;
    if (offset < letter->file_bytes && bytes > 0) {
        const uint32_t left = letter->file_bytes - offset;
        filed = bytes < left ? bytes : left;
        const int64_t got =
            disk_read(access->disk, letter->file, out_bytes, filed, offset, access->patience);
        if (got < filed)
            return MAIL_TEMPORARY;
    }
    if (bytes > filed)
        memcpy(out_bytes + filed, letter->block + (offset + filed - letter->file_bytes),
               bytes - filed);
    return MAIL_DONE;
}

bool letter_is_in_file(const struct letter *letter)
{
    return letter->file >= 0;
}

void letter_fini(struct letter *letter, struct disk *disk)
{
    if (letter->file >= 0)
        disk_close(disk, letter->file);
    *letter = (struct letter){.file = -1};
}

/* Nobody else has the file, so nothing that the disk says means "in use" or "later". */
static enum mail_result result_of(int error)
{
    return native_result(error) == MAIL_NO_SPACE ? MAIL_NO_SPACE : MAIL_TEMPORARY;
}

static enum mail_result spoil(struct letter *letter, enum mail_result why)
{
    letter->failed = why;
    return why;
}

/* A message of nothing but dots has nearly half as many wire bytes again as octets. */
static bool is_too_big(const struct letter *letter)
{
    return letter->coder.octets > letter->octets_max || letter->coder.wire_bytes > WIRE_BYTES_MAX;
}
