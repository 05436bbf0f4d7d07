/* fake_file: one file of the fake disk in its two states, what a reader sees and what is durable.
 *
 * It owns the bytes of both states and knows which 512-byte sectors differ because nobody has
 * synced them. It knows no names, no handles and no faults; fake_disk builds those on top.
 */
#ifndef RINGPOST_TESTS_SUPPORT_FAKE_FILE_H
#define RINGPOST_TESTS_SUPPORT_FAKE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_SECTOR_BYTES 512
#define FAKE_BLOCK_BYTES  4096

struct fake_file {
    char *now;
    char *durable;
    bool *dirty; /* per sector: written since the last sync */
    size_t now_bytes;
    size_t durable_bytes;
    size_t capacity; /* of both, a multiple of FAKE_SECTOR_BYTES */
    bool size_is_dirty;
};

/* What becomes of bytes that were not synced when the power goes. */
enum fake_loss {
    FAKE_LOSE_ALL,  /* only what was synced is there */
    FAKE_LOSE_NONE, /* all of it happened to be written in time */
    FAKE_LOSE_SOME, /* any sectors, size and names, as the seed says */
};

/* An empty file, and the end of its memory. */
void fake_file_init(struct fake_file *file);
void fake_file_fini(struct fake_file *file);

/* As pread(2), pwrite(2) of all bytes, and ftruncate(2). */
size_t fake_file_read(const struct fake_file *file, void *buffer, size_t bytes, uint64_t offset);
void fake_file_write(struct fake_file *file, const void *bytes, size_t count, uint64_t offset);
void fake_file_truncate(struct fake_file *file, uint64_t bytes);

/* Zeroes the whole blocks inside the range, as fallocate(2) does with FALLOC_FL_PUNCH_HOLE. */
void fake_file_punch(struct fake_file *file, uint64_t offset, uint64_t bytes);

/* What is seen becomes durable. */
void fake_file_sync(struct fake_file *file);

/* A sync that failed: any part of the data has become durable, and the rest is taken for clean, so
 * that no later sync writes it. */
void fake_file_sync_in_vain(struct fake_file *file, uint64_t *random);

/* The power went and came back. */
void fake_file_lose(struct fake_file *file, enum fake_loss loss, uint64_t *random);

/* The next number of a sequence (splitmix64). */
uint64_t fake_random(uint64_t *random);

#endif
