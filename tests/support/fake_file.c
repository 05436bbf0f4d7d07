/* fake_file: one file of the fake disk in its two states, what a reader sees and what is durable.
 *
 * Sectors are the unit of tearing: after a power failure each one that was not synced is old or new
 * by itself, and so is the size. That is more than most file systems do to us, and all of them may.
 */
#include "tests/support/fake_file.h"

#include <stdlib.h>
#include <string.h>

static void reserve(struct fake_file *file, size_t bytes);
static void keep_sector(struct fake_file *file, size_t sector);
static size_t sectors_of(size_t bytes);

/* How the unsynced part of one file comes through, when only some of it does. */
enum survival { SURVIVE_NOTHING, SURVIVE_ALL, SURVIVE_SIZE, SURVIVE_DATA, SURVIVE_SECTORS };

void fake_file_lose(struct fake_file *file, enum fake_loss loss, uint64_t *random)
{
    enum survival survival = loss == FAKE_LOSE_ALL    ? SURVIVE_NOTHING
                             : loss == FAKE_LOSE_NONE ? SURVIVE_ALL
                                                      : (enum survival)(fake_random(random) % 5);

    for (size_t sector = 0; sector < sectors_of(file->capacity); sector++) {
        bool kept = survival == SURVIVE_ALL || survival == SURVIVE_DATA ||
                    (survival == SURVIVE_SECTORS && fake_random(random) % 2 == 0);
        if (file->dirty[sector] && kept)
            keep_sector(file, sector);
    }
    bool size_kept = survival == SURVIVE_ALL || survival == SURVIVE_SIZE ||
                     (survival == SURVIVE_SECTORS && fake_random(random) % 2 == 0);
    if (file->size_is_dirty && size_kept)
        file->durable_bytes = file->now_bytes;

    /* What lies behind the size is gone for good; a later extension reads zeros there. */
    memset(file->durable + file->durable_bytes, 0, file->capacity - file->durable_bytes);
    memcpy(file->now, file->durable, file->capacity);
    memset(file->dirty, 0, sectors_of(file->capacity) * sizeof(*file->dirty));
    file->now_bytes = file->durable_bytes;
    file->size_is_dirty = false;
}

void fake_file_init(struct fake_file *file)
{
    *file = (struct fake_file){0};
    reserve(file, 1);
}

void fake_file_fini(struct fake_file *file)
{
    free(file->now);
    free(file->durable);
    free(file->dirty);
    *file = (struct fake_file){0};
}

size_t fake_file_read(const struct fake_file *file, void *buffer, size_t bytes, uint64_t offset)
{
    if (offset >= file->now_bytes)
        return 0;
    size_t there = file->now_bytes - (size_t)offset;
    size_t count = bytes < there ? bytes : there;
    memcpy(buffer, file->now + offset, count);
    return count;
}

void fake_file_write(struct fake_file *file, const void *bytes, size_t count, uint64_t offset)
{
    if (count == 0)
        return;
    size_t end = (size_t)offset + count;
    reserve(file, end);
    memcpy(file->now + offset, bytes, count);
    for (size_t sector = (size_t)offset / FAKE_SECTOR_BYTES; sector < sectors_of(end); sector++)
        file->dirty[sector] = true;
    if (end > file->now_bytes) {
        file->now_bytes = end;
        file->size_is_dirty = true;
    }
}

void fake_file_truncate(struct fake_file *file, uint64_t bytes)
{
    size_t end = (size_t)bytes;
    reserve(file, end);
    if (end < file->now_bytes) {
        memset(file->now + end, 0, file->now_bytes - end);
        for (size_t sector = end / FAKE_SECTOR_BYTES; sector < sectors_of(file->now_bytes);
             sector++)
            file->dirty[sector] = true;
    }
    file->size_is_dirty = file->size_is_dirty || file->now_bytes != end;
    file->now_bytes = end;
}

void fake_file_punch(struct fake_file *file, uint64_t offset, uint64_t bytes)
{
    uint64_t end = offset + bytes < file->now_bytes ? offset + bytes : file->now_bytes;
    uint64_t block = (offset + FAKE_BLOCK_BYTES - 1) / FAKE_BLOCK_BYTES * FAKE_BLOCK_BYTES;

    for (; block + FAKE_BLOCK_BYTES <= end; block += FAKE_BLOCK_BYTES) {
        memset(file->now + block, 0, FAKE_BLOCK_BYTES);
        memset(file->dirty + block / FAKE_SECTOR_BYTES, true,
               FAKE_BLOCK_BYTES / FAKE_SECTOR_BYTES * sizeof(*file->dirty));
    }
}

void fake_file_sync(struct fake_file *file)
{
    for (size_t sector = 0; sector < sectors_of(file->capacity); sector++) {
        if (file->dirty[sector])
            keep_sector(file, sector);
        file->dirty[sector] = false;
    }
    file->durable_bytes = file->now_bytes;
    file->size_is_dirty = false;
}

void fake_file_sync_in_vain(struct fake_file *file, uint64_t *random)
{
    for (size_t sector = 0; sector < sectors_of(file->capacity); sector++) {
        if (file->dirty[sector] && fake_random(random) % 2 == 0)
            keep_sector(file, sector);
        file->dirty[sector] = false;
    }
    /* The size stays dirty: metadata lives in a journal that either works or takes the file system
     * down, so a later sync that answers 0 has written the size. */
    if (fake_random(random) % 2 == 0) {
        file->durable_bytes = file->now_bytes;
        file->size_is_dirty = false;
    }
}

uint64_t fake_random(uint64_t *random)
{
    uint64_t mixed = *random += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

/* Room for `bytes` in both states; what is new reads as zero. */
static void reserve(struct fake_file *file, size_t bytes)
{
    if (bytes <= file->capacity && file->capacity > 0)
        return;
    size_t capacity = file->capacity > 0 ? file->capacity : FAKE_BLOCK_BYTES;
    while (capacity < bytes)
        capacity *= 2;

    char *now = calloc(capacity, 1);
    char *durable = calloc(capacity, 1);
    bool *dirty = calloc(sectors_of(capacity), sizeof(*dirty));
    if (!now || !durable || !dirty)
        abort();
    if (file->capacity > 0) {
        memcpy(now, file->now, file->capacity);
        memcpy(durable, file->durable, file->capacity);
        memcpy(dirty, file->dirty, sectors_of(file->capacity) * sizeof(*dirty));
    }
    free(file->now);
    free(file->durable);
    free(file->dirty);
    file->now = now;
    file->durable = durable;
    file->dirty = dirty;
    file->capacity = capacity;
}

static void keep_sector(struct fake_file *file, size_t sector)
{
    memcpy(file->durable + sector * FAKE_SECTOR_BYTES, file->now + sector * FAKE_SECTOR_BYTES,
           FAKE_SECTOR_BYTES);
}

static size_t sectors_of(size_t bytes)
{
    return (bytes + FAKE_SECTOR_BYTES - 1) / FAKE_SECTOR_BYTES;
}
