/* native_wire: see native_wire.h.
 *
 * A message is read through scratch, window by window, whatever its size; where it is in memory
 * already that is one read and one checksum.
 */
#include "storage/native_wire.h"

#include "proto/dot.h"
#include "proto/must.h"
#include "storage/crc32c.h"
#include "storage/maildrop.h"
#include "storage/native_index.h"

#include <string.h>

/* What the wire form ends with, the line end before it included: of the last line, or of the first
 * line where the message is empty. */
static const char wire_end[] = "\r\n.\r\n";
#define WIRE_END_BYTES 5
#define END_BYTES      3 /* of it belong to the end alone */

static uint64_t find_resident(struct native *native, const struct disk_access *access,
                              uint32_t number);
static uint64_t fingerprint_of(uint64_t state, const struct native_place *message);
static bool is_checked(const struct native *native, uint32_t number);
static void set_checked(struct native *native, uint32_t number);
static bool window_fits(const struct native_place *message, const char *window, uint32_t done,
                        uint32_t bytes);

struct native_place native_wire_place(const struct record *record)
{
    return (struct native_place){record->offset, record->wire_bytes, record->octets,
                                 record->header_bytes, record->wire_crc};
}

bool native_wire_lengths_fit(const struct native_place *place)
{
    char line[RECORD_FIRST_LINE_MAX];
    uint32_t frame = record_first_line(place->octets, line) + END_BYTES;
    return place->offset <= (uint64_t)INT64_MAX - UINT32_MAX && place->wire_bytes >= frame &&
           place->octets <= place->wire_bytes - frame &&
           place->header_bytes <= place->wire_bytes - frame;
}

enum mail_result native_wire_open(struct native *native, const struct disk_access *access)
{
    if (native->wire >= 0)
        return MAIL_DONE;
    uint32_t generation;
    enum mail_result result = maildrop_open_wire(access, native->path, native->index,
                                                 DISK_READ_WRITE, &native->wire, &generation);
    if (result == MAIL_DONE && disk_state(access->disk, native->wire, &native->wire_state) < 0)
        native->wire_state = 0;
    return result;
}

enum mail_result native_wire_check(struct native *native, const struct disk_access *access,
                                   uint32_t number, const struct native_place *message,
                                   uint64_t *out_resident_bytes)
{
    *out_resident_bytes = 0;
    enum mail_result result = native_wire_open(native, access);
    if (result != MAIL_DONE || is_checked(native, number))
        return result;
    *out_resident_bytes = find_resident(native, access, number);
    if (*out_resident_bytes > 0)
        return MAIL_DONE;
    if (access->patience == DISK_NOW && message->wire_bytes > NATIVE_CHECK_NOW_BYTES)
        return MAIL_LATER;

    uint32_t crc = 0;
    for (uint32_t done = 0; done < message->wire_bytes;) {
        uint32_t left = message->wire_bytes - done;
        uint32_t bytes = left < DISK_SCRATCH_BYTES ? left : DISK_SCRATCH_BYTES;
        if (left > bytes && left - bytes < WIRE_END_BYTES)
            bytes -= WIRE_END_BYTES; /* the end is looked at in one piece */
        int64_t got = disk_read(access->disk, native->wire, access->scratch, bytes,
                                message->offset + done, access->patience);
        if (got < 0)
            return native_result(got);
        if (got != bytes || !window_fits(message, access->scratch, done, bytes))
            return MAIL_PERMANENT;
        crc = crc32c(crc, access->scratch, bytes);
        done += bytes;
    }
    if (crc != message->wire_crc)
        return MAIL_PERMANENT;
    set_checked(native, number);
    if (native->wire_state != 0)
        disk_set_checked(access->disk, fingerprint_of(native->wire_state, message));
    *out_resident_bytes = message->wire_bytes;
    return MAIL_DONE;
}

enum mail_result native_wire_top(struct native *native, const struct disk_access *access,
                                 const struct native_place *message, uint64_t lines,
                                 uint64_t *out_bytes)
{
    char line[RECORD_FIRST_LINE_MAX];
    uint32_t first = record_first_line(message->octets, line);
    uint32_t end = message->wire_bytes - END_BYTES;
    uint32_t place = first + message->header_bytes;
    uint32_t now_end = access->patience == DISK_NOW && end - place > NATIVE_CHECK_NOW_BYTES
                           ? place + NATIVE_CHECK_NOW_BYTES
                           : end;
    while (lines > 0 && place < end) {
        if (place == now_end)
            return MAIL_LATER;
        uint32_t left = now_end - place;
        uint32_t bytes = left < DISK_SCRATCH_BYTES ? left : DISK_SCRATCH_BYTES;
        int64_t got = disk_read(access->disk, native->wire, access->scratch, bytes,
                                message->offset + place, access->patience);
        if (got < 0)
            return native_result(got);
        if (got != bytes)
            return MAIL_PERMANENT;
        place += (uint32_t)dot_scan_lines((struct span){access->scratch, bytes}, &lines);
    }
    *out_bytes = place - first;
    return MAIL_DONE;
}

/* The parts of the frame that lie in the window of `bytes` bytes at `done`. */
static bool window_fits(const struct native_place *message, const char *window, uint32_t done,
                        uint32_t bytes)
{
    char line[RECORD_FIRST_LINE_MAX];
    uint32_t line_bytes = record_first_line(message->octets, line);
    if (done == 0 && memcmp(window, line, line_bytes) != 0)
        return false;
    return done + bytes < message->wire_bytes ||
           memcmp(window + bytes - WIRE_END_BYTES, wire_end, WIRE_END_BYTES) == 0;
}

/* The message and those behind it whose checksums were right lately and which lie in memory one
 * after the other: sets them as checked, and answers their bytes. 0 where not even the first is. */
static uint64_t find_resident(struct native *native, const struct disk_access *access,
                              uint32_t number)
{
    must(number - native->place_number < native->place_count);
    const struct native_place *first = &native->places[number - native->place_number];
    const struct native_place *end = native->places + native->place_count;
    const struct native_place *next = first;
    uint64_t bytes = 0;
    while (next < end && next->offset == first->offset + bytes &&
           (next == first || bytes + next->wire_bytes <= NATIVE_AHEAD_BYTES) &&
           disk_was_checked(access->disk, fingerprint_of(native->wire_state, next)))
        bytes += next++->wire_bytes;
    if (next == first)
        return 0;
    if (!disk_is_resident(access->disk, native->wire, first->offset, bytes)) {
        bytes = first->wire_bytes;
        if (next == first + 1 ||
            !disk_is_resident(access->disk, native->wire, first->offset, bytes))
            return 0;
        next = first + 1;
    }
    for (; first < next; first++)
        set_checked(native, number++);
    return bytes;
}

/* Mixes all that must be the same for the checksum to be right still (the steps of splitmix64). */
static uint64_t fingerprint_of(uint64_t state, const struct native_place *message)
{
    const uint64_t parts[] = {message->offset, message->wire_bytes, message->wire_crc};
    for (int i = 0; i < 3; i++) {
        state = (state ^ parts[i]) * 0xBF58476D1CE4E5B9;
        state = (state ^ state >> 27) * 0x94D049BB133111EB;
        state ^= state >> 31;
    }
    return state;
}

static bool is_checked(const struct native *native, uint32_t number)
{
    return number >= native->checked_first && number < native->checked_end;
}

static void set_checked(struct native *native, uint32_t number)
{
    if (number == native->checked_end) {
        native->checked_end++;
    } else if (number + 1 == native->checked_first) {
        native->checked_first--;
    } else {
        native->checked_first = number;
        native->checked_end = number + 1;
    }
}
