/* import: the common half of import mbox and import maildir; see import.h.
 *
 * It owns the open delivery. It reads no source.
 */
#include "tools/import.h"

#include "proto/must.h"

#include <stdio.h>
#include <sys/random.h>

static bool begin_message(struct import *import);
static void take_result(struct import *import, enum mail_result result);
static void commit(struct import *import);
static uint64_t next_random(struct import *import);

enum ending import_begin(struct import *import, struct run *run, const char *user, const char *path)
{
    const struct delivery_limits limits = {
        .message_octets_max = run->config.message_bytes_max,
        .messages_max = run->config.messages_max,
    };
    *import = (struct import){.run = run, .user = user, .result = MAIL_DONE};
    import->random_used = sizeof import->random / sizeof import->random[0];
    command_watch_signals(run);
    const enum ending ending = command_as_owner_begin(run);
    if (ending != ENDING_DONE)
        return ending;
    const enum mail_result result = delivery_begin(&import->delivery, &run->access, path, &limits);
    command_as_owner_end(run);
    return command_fail_storage(result, user);
}

bool import_goes_on(struct import *import)
{
    import->interrupted = import->interrupted || command_is_interrupted(import->run);
    return !import->interrupted && import->result == MAIL_DONE;
}

void import_bytes(struct import *import, struct span bytes)
{
    if (!begin_message(import) || import->message_too_big)
        return;
    import->message_bytes += bytes.length;
    take_result(import, delivery_write(&import->delivery, bytes));
}

/* Of a message that has begun. */
static void take_result(struct import *import, enum mail_result result)
{
    if (result == MAIL_TOO_BIG)
        import->message_too_big = true;
    else
        import->result = result;
}

static bool begin_message(struct import *import)
{
    if (!import->in_message && import->result == MAIL_DONE) {
        import->result = delivery_write(&import->delivery, (struct span){"", 0});
        import->in_message = true;
    }
    return import->result == MAIL_DONE;
}

void import_message_end(struct import *import, int64_t time, const char *where)
{
    const uint32_t time_s = time < 0 ? 0 : time > UINT32_MAX ? UINT32_MAX : (uint32_t)time;
    char uidl[UIDL_MADE_BYTES];
    if (begin_message(import) && !import->message_too_big) {
        uidl_make(time_s, next_random(import), uidl);
        take_result(import, delivery_message_end(&import->delivery,
                                                 (struct span){uidl, sizeof uidl}, time_s));
    }
    if (import->message_too_big) {
        progress_hide(&import->progress);
        command_say("%s: the message is larger than the %llu octets that `message-size` in the "
                    "configuration allows, and is left out",
                    where, (unsigned long long)import->run->config.message_bytes_max);
        import->failed_count++;
    }
    if (import->message_too_big || import->result != MAIL_DONE) {
        import_message_cancel(import);
        return;
    }
    import->batch_count++;
    import->batch_bytes += import->message_bytes;
    import->message_bytes = 0;
    import->in_message = false;
    if (delivery_batch_room(&import->delivery) == 0)
        commit(import);
}

void import_message_cancel(struct import *import)
{
    if (import->in_message)
        delivery_message_cancel(&import->delivery);
    import->in_message = false;
    import->message_bytes = 0;
    import->message_too_big = false;
}

static void commit(struct import *import)
{
    const enum mail_result result = delivery_commit(&import->delivery);
    if (result == MAIL_DONE) {
        import->done_count += import->batch_count;
        import->done_bytes += import->batch_bytes;
    } else {
        import->result = result;
    }
    import->batch_count = 0;
    import->batch_bytes = 0;
}

static uint64_t next_random(struct import *import)
{
    const uint32_t count = sizeof import->random / sizeof import->random[0];
    if (import->random_used == count) {
        /* Up to 256 bytes always come whole, once the kernel has been seeded: getrandom(2). */
        must(getrandom(import->random, sizeof import->random, 0) == sizeof import->random);
        import->random_used = 0;
    }
    return import->random[import->random_used++];
}

enum ending import_end(struct import *import)
{
    char count[PROGRESS_TEXT_BYTES], bytes[PROGRESS_TEXT_BYTES], left_out[PROGRESS_TEXT_BYTES];
    /* Whole messages that were waiting are committed even when a full maildrop, or the person, has
     * ended the import; after a fault of the disk there is no point. */
    const bool commits = import->result == MAIL_DONE || import->result == MAIL_FULL;
    if (commits && import->batch_count > 0)
        commit(import);
    delivery_end(&import->delivery);
    progress_hide(&import->progress);
    progress_count_of(import->done_count, "message", count);
    progress_bytes(import->done_bytes, bytes);
    printf("imported %s, %s, %s skipped\n", count, bytes,
           progress_count(import->skipped_count + import->failed_count, left_out));
    fflush(stdout);
    if (import->result != MAIL_DONE) {
        command_fail_storage(import->result, import->user);
    } else if (!import->interrupted) {
        return import->failed_count > 0 ? ENDING_FAILED : ENDING_DONE;
    }
    return command_fail(ENDING_FAILED,
                        "the import was %s: %s of it %s in the maildrop and safe; the same import "
                        "would bring them a second time",
                        import->result != MAIL_DONE ? "given up" : "interrupted", count,
                        import->done_count == 1 ? "is" : "are");
}
