/* import_memory: what imports have brought into a maildrop, so that nothing comes twice.
 *
 * The maildrop itself knows the messages that it has; the file `imported` beside its index knows
 * those that its user has removed since. Its lines are UIDLs; behind one that we have foretold
 * comes a line with a blank and the name of the message's file. Lines are added when the messages
 * are durable; which file a foretold UIDL is of is written before as well, as an intent, for after
 * a crash nothing else would say it. It may be deleted when no import will come any more.
 * docs/FORMAT.md describes it.
 */
#ifndef RINGPOST_TOOLS_IMPORT_MEMORY_H
#define RINGPOST_TOOLS_IMPORT_MEMORY_H

#include "storage/delivery.h"
#include "tools/known.h"

/* A line: a blank, a file name of at most 255 octets, LF. */
#define IMPORT_MEMORY_LINE_MAX 257

/* The lines of one batch; each message can have two. And the line that settles its intents. */
#define IMPORT_MEMORY_BYTES (2 * DELIVERY_BATCH_MAX * IMPORT_MEMORY_LINE_MAX + 2)

struct import_memory {
    const struct disk_access *access;
    int file; /* handle, or -1 */
    uint64_t file_bytes;
    size_t used;
    char *lines;   /* not yet written, IMPORT_MEMORY_BYTES */
    char *intents; /* that the file does not settle, as many */
    size_t intents_used;
};

/* Adds to `known` what the maildrop in `path` has (KNOWN_LIVE) and what its file `imported` says
 * (KNOWN_EARLIER, or KNOWN_GUESSED with the file's name as its partner), and opens that file, made
 * when it is missing. Intents that a crash has left are settled: those whose messages have come
 * become lines. The maildrop must be there, and be locked for delivery; the scratch of `access` is
 * used. Without MAIL_DONE nothing stays open. */
enum mail_result import_memory_open(struct import_memory *memory, const struct disk_access *access,
                                    const char *path, struct known *known);
void import_memory_close(struct import_memory *memory);

/* Remembers a key for the next import_memory_write; one that cannot be a line is passed over. */
void import_memory_note(struct import_memory *memory, struct span key);

/* Whether there may be no room for the two lines of another message: write or forget first. */
bool import_memory_is_full(const struct import_memory *memory);

/* Makes durable what the foretold UIDLs among the lines are of: call it before the messages can
 * become durable. Costs nothing where there are none. */
enum mail_result import_memory_intend(struct import_memory *memory);

/* Forgets, or makes durable, what was noted since the last of either. */
void import_memory_forget(struct import_memory *memory);
enum mail_result import_memory_write(struct import_memory *memory);

#endif
