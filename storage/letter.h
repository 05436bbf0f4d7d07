/* letter: a message on its way to one or many maildrops, coded once as it arrives.
 *
 * It keeps the wire form (proto/dot.h): the front in a temporary file that has no name, the rest in
 * a block of memory that the owner lends. A letter that fits the block never meets the disk, and
 * one of any size takes no more memory than the block. Ended, it only gets read: by as many
 * deliveries at the same time as there are recipients (storage/delivery.h).
 */
#ifndef RINGPOST_STORAGE_LETTER_H
#define RINGPOST_STORAGE_LETTER_H

#include "proto/dot.h"
#include "proto/mail.h"
#include "proto/span.h"
#include "storage/disk.h"

/* A block that holds most mails whole. Any size from LETTER_BLOCK_BYTES_MIN on is good. */
#define LETTER_BLOCK_BYTES     (64 * 1024)
#define LETTER_BLOCK_BYTES_MIN 64

/* What `octets_max` may be at most: octets and wire bytes of a message, with the lines that are put
 * in front of it, are 32-bit numbers in the index. */
#define LETTER_OCTETS_MAX 4000000000u

/* The members up to `header_bytes` are for everybody to read once letter_end has answered
 * MAIL_DONE; the others are private to letter.c. */
struct letter {
    uint32_t octets;       /* as LIST says: CRLF line ends, without stuffed dots */
    uint32_t wire_bytes;   /* with stuffed dots and the final ".CRLF" */
    uint32_t header_bytes; /* wire bytes of header and blank line; all before the end without one */
    struct dot_coder coder;
    uint32_t octets_max;
    enum mail_result failed; /* why the letter is spoiled, or MAIL_DONE */
    bool ended;
    char *block;
    uint32_t block_bytes;
    uint32_t block_used; /* wire form from `file_bytes` on */
    int file;            /* the temporary file, or -1 */
    uint32_t file_bytes; /* wire form from 0 on */
};

/* Begins an empty letter. `block` (block_bytes of it) is the letter's until letter_fini. A message
 * of more than `octets_max` octets is refused; at most LETTER_OCTETS_MAX. */
void letter_begin(struct letter *letter, char *block, uint32_t block_bytes, uint64_t octets_max);

/* Takes raw bytes off the front of `raw`, in any pieces. Never waits, so a shard may call it.
 * MAIL_DONE: all of it has been taken. MAIL_LATER: the block is full; call letter_spill where
 * waiting is allowed, then again with what is left in `raw`. MAIL_TOO_BIG, or what letter_spill
 * failed with: the letter is spoiled; then, and in each later call, all bytes are taken and
 * dropped, so that the rest of the message can be read to its end. */
enum mail_result letter_write(struct letter *letter, struct span *raw);

/* Moves the block's bytes into the temporary file, making it first. Needs DISK_WAIT; the letter
 * must not be used by anybody else meanwhile. The scratch is not used. MAIL_NO_SPACE where the disk
 * is full, MAIL_TEMPORARY on another fault; then the letter is spoiled. */
enum mail_result letter_spill(struct letter *letter, const struct disk_access *access);

/* Ends the message: CRLF where the last line has none, and ".CRLF". Never waits, never asks for a
 * spill. MAIL_DONE: `octets`, `wire_bytes` and `header_bytes` are set, and the letter does not
 * change any more. Else why it is spoiled, as letter_write said or because of the last line's end.
 */
enum mail_result letter_end(struct letter *letter);

/* Wire bytes offset..offset+bytes-1 of a letter that has ended, which must be there. Safe for many
 * threads at once. Needs DISK_WAIT where letter_is_in_file. MAIL_TEMPORARY where the file cannot be
 * read. */
enum mail_result letter_read(const struct letter *letter, const struct disk_access *access,
                             uint32_t offset, char *out_bytes, uint32_t bytes);

/* Whether a temporary file is open: then letter_fini may wait for the disk. */
bool letter_is_in_file(const struct letter *letter);

/* Closes the temporary file, whose space is free then; the block is the owner's again. At any time
 * after letter_begin, once no delivery uses the letter. Where letter_is_in_file call it where
 * waiting is allowed. */
void letter_fini(struct letter *letter, struct disk *disk);

#endif
