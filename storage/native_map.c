/* native_map: see native_map.h.
 *
 * Half of the scratch memory is a window of records, the other half a bitmap of dead ordinals: one
 * stretch of a million records at a time, so that no index is too large. The expunges are found by
 * going back from each to the one before: the record before an expunge knows it.
 */
#include "storage/native_map.h"

#include "proto/must.h"
#include "storage/native_index.h"

#include <string.h>

#define WINDOW_BYTES (DISK_SCRATCH_BYTES / 2)
#define WINDOW_MAX   (WINDOW_BYTES / RECORD_BYTES)
#define WINDOW_FIRST 16

/* Ordinals of which the bitmap can tell at once; a word less than there is memory for, because it
 * begins at the next address that is good for words. */
#define STRETCH_ORDINALS ((DISK_SCRATCH_BYTES - WINDOW_BYTES) * 8 - 64)

/* Reads records one below the other. */
struct map_walk {
    const struct native *native;
    const struct disk_access *access;
    uint32_t window_first; /* records window_first..window_end-1 are in scratch */
    uint32_t window_end;
    uint32_t window_next; /* how many to read next */
    uint64_t *dead;       /* bit ordinal - first */
    uint32_t first;       /* the stretch of ordinals that `dead` tells of */
    uint32_t end;
};

/* Collects the runs from `number` on. */
struct map_runs {
    struct native_run runs[NATIVE_RUNS_MAX];
    uint32_t number; /* the run that holds it is the first one kept */
    uint32_t run_number;
    uint8_t run_count;
    struct native_run open; /* the run that may still grow; count 0: none */
    uint32_t total;
    uint64_t live;
};

static bool runs_find(const struct native *native, uint32_t number, uint32_t *out_ordinal,
                      uint32_t *out_count);
static enum mail_result runs_load(struct native *native, const struct disk_access *access,
                                  uint32_t number, uint32_t *out_runs);
static enum mail_result mark_dead(struct map_walk *walk);
static enum mail_result expunge_before(struct map_walk *walk, uint32_t ordinal,
                                       uint32_t *out_ordinal);
static bool mark_expunge(struct map_walk *walk, uint32_t ordinal, const struct record *record);
static void runs_collect(struct map_runs *runs, const struct map_walk *walk);

static bool nothing_expunged(const struct native *native)
{
    return native->view.count == native->record_count - 1;
}

enum mail_result native_map_locate(struct native *native, const struct disk_access *access,
                                   uint32_t number, uint32_t *out_ordinal, uint32_t *out_count)
{
    must(number >= 1 && number <= native->view.count);
    if (nothing_expunged(native)) {
        *out_ordinal = number;
        *out_count = native->view.count - number + 1;
        return MAIL_DONE;
    }
    if (runs_find(native, number, out_ordinal, out_count))
        return MAIL_DONE;
    uint32_t runs;
    enum mail_result result = runs_load(native, access, number, &runs);
    if (result != MAIL_DONE)
        return result;
    bool found = runs_find(native, number, out_ordinal, out_count);
    must(found);
    return MAIL_DONE;
}

enum mail_result native_map_count_runs(struct native *native, const struct disk_access *access,
                                       uint32_t *out_runs)
{
    return runs_load(native, access, 1, out_runs);
}

static bool runs_find(const struct native *native, uint32_t number, uint32_t *out_ordinal,
                      uint32_t *out_count)
{
    if (native->run_count == 0 || number < native->run_number)
        return false;
    uint32_t skip = number - native->run_number;
    for (uint32_t i = 0; i < native->run_count; i++) {
        const struct native_run *run = &native->runs[i];
        if (skip < run->count) {
            *out_ordinal = run->first + skip;
            *out_count = run->count - skip;
            return true;
        }
        skip -= run->count;
    }
    return false;
}

static enum mail_result runs_load(struct native *native, const struct disk_access *access,
                                  uint32_t number, uint32_t *out_runs)
{
    if (access->patience == DISK_NOW && native->record_count > NATIVE_MAP_NOW_RECORDS)
        return MAIL_LATER;
    struct map_walk walk = {.native = native, .access = access, .window_next = WINDOW_FIRST};
    uintptr_t over = (uintptr_t)access->scratch % sizeof *walk.dead;
    size_t skip = over > 0 ? sizeof *walk.dead - over : 0;
    walk.dead = (uint64_t *)(void *)(access->scratch + WINDOW_BYTES + skip);
    struct map_runs runs = {.number = number};
    for (uint64_t first = 0; first < native->record_count; first += STRETCH_ORDINALS) {
        uint64_t end = first + STRETCH_ORDINALS;
        walk.first = (uint32_t)first;
        walk.end = end < native->record_count ? (uint32_t)end : native->record_count;
        memset(walk.dead, 0, ((size_t)(walk.end - walk.first) + 63) / 64 * sizeof *walk.dead);
        enum mail_result result = mark_dead(&walk);
        if (result != MAIL_DONE)
            return result;
        runs_collect(&runs, &walk);
    }
    /* Numbers that might mean other messages than the totals know are worse than none. */
    if (runs.live != native->view.count)
        return MAIL_PERMANENT;
    memcpy(native->runs, runs.runs, sizeof runs.runs);
    native->run_number = runs.run_number;
    native->run_count = runs.run_count;
    *out_runs = runs.total;
    return MAIL_DONE;
}

/* Reads the record in the place of `ordinal`. Damaged and blank slots are one here: false. */
static enum mail_result walk_record(struct map_walk *walk, uint32_t ordinal, bool *out_good,
                                    struct record *out_record)
{
    if (ordinal < walk->window_first || ordinal >= walk->window_end) {
        uint32_t count = ordinal + 1 < walk->window_next ? ordinal + 1 : walk->window_next;
        walk->window_end = 0;
        enum mail_result result =
            native_records_read(walk->access, walk->native->index, ordinal + 1 - count, count);
        if (result != MAIL_DONE)
            return result;
        walk->window_first = ordinal + 1 - count;
        walk->window_end = ordinal + 1;
        walk->window_next = walk->window_next < WINDOW_MAX / 4 ? walk->window_next * 4 : WINDOW_MAX;
    }
    const char *bytes =
        walk->access->scratch + (size_t)(ordinal - walk->window_first) * RECORD_BYTES;
    *out_good = native_slot_read(bytes, ordinal, out_record) == NATIVE_SLOT_GOOD;
    return MAIL_DONE;
}

/* Marks ordinals first..end-1, as far as they lie in the stretch. */
static void mark_range(struct map_walk *walk, uint64_t first, uint64_t end)
{
    first = first > walk->first ? first - walk->first : 0;
    end = end < walk->end ? end : walk->end;
    end = end > walk->first ? end - walk->first : 0;
    while (first < end) {
        uint64_t bit = first % 64;
        uint64_t count = end - first < 64 - bit ? end - first : 64 - bit;
        walk->dead[first / 64] |= (UINT64_MAX >> (64 - count)) << bit;
        first += count;
    }
}

static enum mail_result mark_dead(struct map_walk *walk)
{
    mark_range(walk, 0, 1); /* the header */
    uint32_t ordinal = walk->native->last_expunge;
    if (ordinal >= walk->native->record_count)
        return MAIL_PERMANENT;
    while (ordinal != 0) {
        bool good;
        struct record record;
        enum mail_result result = walk_record(walk, ordinal, &good, &record);
        if (result != MAIL_DONE)
            return result;
        if (!good || !mark_expunge(walk, ordinal, &record))
            return MAIL_PERMANENT;
        if (record.live_count == 0) {
            /* An emptied maildrop: its older expunges need not be read. */
            mark_range(walk, 0, (uint64_t)ordinal + 1);
            return MAIL_DONE;
        }
        result = expunge_before(walk, ordinal, &ordinal);
        if (result != MAIL_DONE)
            return result;
    }
    return MAIL_DONE;
}

/* The record before tells. A damaged one is taken for a delivery and its elder is asked; where that
 * is wrong, the totals will not agree. */
static enum mail_result expunge_before(struct map_walk *walk, uint32_t ordinal,
                                       uint32_t *out_ordinal)
{
    bool good = false;
    struct record record;
    while (!good && ordinal > 1) {
        enum mail_result result = walk_record(walk, --ordinal, &good, &record);
        if (result != MAIL_DONE)
            return result;
    }
    if (good && record.last_expunge > ordinal)
        return MAIL_PERMANENT;
    *out_ordinal = good ? record.last_expunge : 0;
    return MAIL_DONE;
}

static bool mark_expunge(struct map_walk *walk, uint32_t ordinal, const struct record *record)
{
    if (record->kind != RECORD_EXPUNGE || record->last_expunge != ordinal)
        return false;
    for (uint32_t i = 0; i < record->ranges.count; i++) {
        uint64_t first = record->ranges.items[i].first;
        uint64_t end = first + record->ranges.items[i].count;
        if (first == 0 || end == first || end > ordinal)
            return false;
        mark_range(walk, first, end);
    }
    mark_range(walk, ordinal, (uint64_t)ordinal + 1);
    return true;
}

/* Ends the run that is open, and keeps it if the wanted number is in it or before it. */
static void runs_close(struct map_runs *runs)
{
    if (runs->open.count == 0)
        return;
    runs->total++;
    runs->live += runs->open.count;
    if (runs->live >= runs->number && runs->run_count < NATIVE_RUNS_MAX) {
        if (runs->run_count == 0)
            runs->run_number = (uint32_t)(runs->live - runs->open.count + 1);
        runs->runs[runs->run_count++] = runs->open;
    }
    runs->open.count = 0;
}

/* Takes over the live ordinals of a stretch, in order; a run may go on from the stretch before. */
static void runs_collect(struct map_runs *runs, const struct map_walk *walk)
{
    uint32_t ordinal = walk->first;
    while (ordinal < walk->end) {
        uint32_t bit = (ordinal - walk->first) % 64;
        uint64_t word = walk->dead[(ordinal - walk->first) / 64] >> bit;
        bool dead = (word & 1) != 0;
        uint64_t change = dead ? ~word : word;
        uint32_t same = change == 0 ? 64 : (uint32_t)__builtin_ctzll(change);
        same = same < 64 - bit ? same : 64 - bit;
        same = same < walk->end - ordinal ? same : walk->end - ordinal;
        if (dead) {
            runs_close(runs);
        } else {
            if (runs->open.count == 0)
                runs->open.first = ordinal;
            runs->open.count += same;
        }
        ordinal += same;
    }
    if (walk->end == walk->native->record_count)
        runs_close(runs);
}
