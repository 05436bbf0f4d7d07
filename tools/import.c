/* import: the common half of all imports; see import.h.
 *
 * It owns the open delivery and the memory of what came earlier. It reads no source.
 */
#include "tools/import.h"

#include "proto/must.h"
#include "tools/import_gone.h"
#include "tools/import_uidl.h"

#include <stdio.h>

static bool begin_message(struct import *import);
static void take_result(struct import *import, enum mail_result result);
static void commit(struct import *import);
static void commit_if_full(struct import *import);
static enum ending remove_gone(struct import *import);
static void say_what_happened(const struct import *import);

enum ending import_begin(struct import *import, struct run *run, const char *user, const char *path,
                         const struct import_order *order)
{
    const struct delivery_limits limits = {
        .message_octets_max = run->config.message_bytes_max,
        .messages_max = run->config.messages_max,
    };
    *import = (struct import){
        .run = run, .user = user, .path = path, .order = order, .result = MAIL_DONE};
    command_watch_signals(run);
    const enum ending ending = command_as_owner_begin(run);
    if (ending != ENDING_DONE)
        return ending;
    enum mail_result result = delivery_begin(&import->delivery, &run->access, path, &limits);
    if (result == MAIL_DONE) {
        /* Nothing is in the delivery's buffer yet, so the scratch is free for this. */
        result = import_memory_open(&import->memory, &run->access, path, &import->known);
        if (result != MAIL_DONE)
            delivery_end(&import->delivery);
    }
    command_as_owner_end(run);
    if (result != MAIL_DONE)
        known_free(&import->known);
    return command_fail_storage(result, user);
}

bool import_goes_on(struct import *import)
{
    import->interrupted = import->interrupted || command_is_interrupted(import->run);
    return !import->interrupted && import->result == MAIL_DONE;
}

void import_bytes(struct import *import, struct span bytes)
{
    if (!begin_message(import))
        return;
    if (import->content_counts)
        content_hash_add(&import->content, bytes);
    if (import->message_too_big)
        return;
    import->message_bytes += bytes.length;
    take_result(import, delivery_write(&import->delivery, bytes));
}

ssize_t import_file(struct import *import, int file, char buffer[IMPORT_BUFFER_BYTES])
{
    ssize_t count;
    do {
        count = command_read(import->run, file, buffer, IMPORT_BUFFER_BYTES);
        if (count > 0)
            import_bytes(import, (struct span){buffer, (size_t)count});
    } while (count > 0 && import->result == MAIL_DONE);
    return count;
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
        import->content_ended = false;
        if (import->content_counts)
            content_hash_begin(&import->content);
    }
    return import->result == MAIL_DONE;
}

const struct mbox_header *import_header(struct import *import)
{
    must(import->content_counts);
    if (begin_message(import) && !import->content_ended)
        content_hash_end(&import->content, import->digest);
    import->content_ended = true;
    return &import->content.header;
}

void import_message_end(struct import *import, const struct import_label *label)
{
    const uint32_t time_s = label->time < 0            ? 0
                            : label->time > UINT32_MAX ? UINT32_MAX
                                                       : (uint32_t)label->time;
    char uidl[MAIL_UIDL_MAX];
    uint8_t uidl_length = 0;
    enum import_choice choice = IMPORT_FAILED;
    if (import->content_counts)
        import_header(import);
    if (begin_message(import))
        choice = import_uidl_choose(import, label, uidl, &uidl_length);
    const struct span chosen = {uidl, uidl_length};
    if (choice == IMPORT_FAILED && import->result == MAIL_DONE)
        import->result = MAIL_TEMPORARY; /* no memory */
    if (choice == IMPORT_KNOWN)
        import->counts.known++;
    if (choice == IMPORT_TAKE && !import->message_too_big)
        take_result(import, delivery_message_end(&import->delivery, chosen, time_s));
    if (choice == IMPORT_TAKE && import->message_too_big)
        import_refuse(import, label->where,
                      "the message is larger than `message-size` in the configuration allows, and "
                      "is left out");
    if (choice == IMPORT_TAKE && import->result == MAIL_DONE &&
        !import_uidl_remember(import, label, chosen))
        import->result = MAIL_TEMPORARY;
    if (choice != IMPORT_TAKE || import->message_too_big || import->result != MAIL_DONE) {
        import_message_cancel(import);
        commit_if_full(import);
        return;
    }
    import->batch_count++;
    import->batch_bytes += import->message_bytes;
    import->message_bytes = 0;
    import->in_message = false;
    commit_if_full(import);
}

void import_message_cancel(struct import *import)
{
    if (import->in_message)
        delivery_message_cancel(&import->delivery);
    import->in_message = false;
    import->message_bytes = 0;
    import->message_too_big = false;
}

bool import_is_known(struct import *import, const struct import_label *label)
{
    const bool known = import_uidl_is_known(import, label);
    if (known)
        import->counts.known++;
    commit_if_full(import);
    return known;
}

/* Not while a message is under way. */
static void commit_if_full(struct import *import)
{
    if (import->result == MAIL_DONE &&
        (delivery_batch_room(&import->delivery) == 0 ||
         import->batch_bytes >= IMPORT_BATCH_BYTES_MAX || import_memory_is_full(&import->memory)))
        commit(import);
}

static void commit(struct import *import)
{
    enum mail_result result = import_memory_intend(&import->memory);
    if (result != MAIL_DONE) {
        import->result = result;
        return;
    }
    result = delivery_commit(&import->delivery);
    if (result == MAIL_DONE) {
        import->counts.messages += import->batch_count;
        import->counts.bytes += import->batch_bytes;
        result = import_memory_write(&import->memory);
    } else {
        import_memory_forget(&import->memory);
    }
    if (result != MAIL_DONE)
        import->result = result;
    import->batch_count = 0;
    import->batch_bytes = 0;
    command_report(import->run, &import->counts);
}

void import_refuse(struct import *import, const char *where, const char *why)
{
    progress_hide(&import->progress);
    command_say("%s: %s", where, why);
    import->counts.failed++;
}

void import_expect(struct import *import, uint64_t total)
{
    progress_begin(&import->progress, "message", total);
    import->progress.is_plain = import->run->report == NULL;
}

void import_step(struct import *import, uint64_t done)
{
    progress_step(&import->progress, import->counts.messages + import->batch_count,
                  import->counts.bytes + import->batch_bytes, done);
}

enum ending import_end(struct import *import)
{
    char count[PROGRESS_TEXT_BYTES];
    /* Whole messages that were waiting are committed even when a full maildrop, or the person, has
     * ended the import; after a fault of the disk there is no point. */
    const enum mail_result result = import->result;
    if (result == MAIL_DONE || result == MAIL_FULL)
        commit(import);
    delivery_end(&import->delivery);
    import_memory_close(&import->memory);
    progress_hide(&import->progress);
    enum ending ending = ENDING_DONE;
    if (import->order->removes_gone && import->result == MAIL_DONE && !import->interrupted)
        ending = remove_gone(import);
    known_free(&import->known);
    command_report(import->run, &import->counts);
    say_what_happened(import);
    if (import->result != MAIL_DONE)
        command_fail_storage(import->result, import->user);
    else if (!import->interrupted)
        return import->counts.failed > 0 ? ENDING_FAILED : ending;
    progress_count_of(import->counts.messages, "message", count);
    return command_fail(ENDING_FAILED,
                        "the import was %s: %s of it %s in the maildrop and safe; the same import "
                        "goes on where this one has ended",
                        import->result != MAIL_DONE ? "given up" : "interrupted", count,
                        import->counts.messages == 1 ? "is" : "are");
}

/* What could not be read is perhaps not gone. */
static enum ending remove_gone(struct import *import)
{
    if (import->counts.failed == 0 && !import->source_is_cut)
        return import_gone_remove(import->run, import->user, import->path, &import->known,
                                  &import->counts.removed);
    return command_fail(ENDING_FAILED,
                        "nothing is removed from the maildrop of %s, since not all of the source "
                        "could be read",
                        import->user);
}

/* Where many users are imported, the process that waits says it for all of them. */
static void say_what_happened(const struct import *import)
{
    char text[RUN_COUNTS_BYTES];
    if (import->run->report == NULL)
        printf("imported %s\n", run_counts_text(&import->counts, text));
    fflush(stdout);
}
