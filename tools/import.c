/* import: the common half of all imports; see import.h.
 *
 * It owns the open delivery and the memory of what came earlier. It reads no source.
 */
#include "tools/import.h"

#include "proto/must.h"
#include "storage/uidl.h"
#include "tools/import_gone.h"

#include <stdio.h>

/* What became of a message's UIDL. */
enum choice { CHOICE_TAKE, CHOICE_KNOWN, CHOICE_FAILED };

static bool begin_message(struct import *import);
static void take_result(struct import *import, enum mail_result result);
static enum choice choose_uidl(struct import *import, const struct import_label *label,
                               char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length);
static enum choice make_uidl(struct import *import, const struct import_label *label,
                             char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length);
static void say_refused_uidl(struct import *import, const struct import_label *label);
static bool remember(struct import *import, const struct import_label *label, struct span uidl);
static bool meet(struct import *import, const struct import_label *label, struct span uidl);
static bool keep_shared(struct import *import, const struct import_label *label);
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
    enum choice choice = CHOICE_FAILED;
    if (import->content_counts)
        import_header(import);
    if (begin_message(import))
        choice = choose_uidl(import, label, uidl, &uidl_length);
    const struct span chosen = {uidl, uidl_length};
    if (choice == CHOICE_FAILED && import->result == MAIL_DONE)
        import->result = MAIL_TEMPORARY; /* no memory */
    if (choice == CHOICE_KNOWN)
        import->counts.known++;
    if (choice == CHOICE_TAKE && !import->message_too_big)
        take_result(import, delivery_message_end(&import->delivery, chosen, time_s));
    if (choice == CHOICE_TAKE && import->message_too_big)
        import_refuse(import, label->where,
                      "the message is larger than `message-size` in the configuration allows, and "
                      "is left out");
    if (choice == CHOICE_TAKE && import->result == MAIL_DONE && !remember(import, label, chosen))
        import->result = MAIL_TEMPORARY;
    if (choice != CHOICE_TAKE || import->message_too_big || import->result != MAIL_DONE) {
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

/* The key under which a file's name is known: no UIDL can have a blank. */
static struct span file_key(const struct import_label *label, char out_key[IMPORT_MEMORY_LINE_MAX])
{
    if (label->file.length == 0 || label->file.length >= IMPORT_MEMORY_LINE_MAX - 1)
        return (struct span){"", 0};
    out_key[0] = ' ';
    for (size_t i = 0; i < label->file.length; i++)
        out_key[1 + i] = label->file.bytes[i];
    return (struct span){out_key, label->file.length + 1};
}

/* Before this import: a UIDL that was foretold may mean another message. */
static bool is_there(enum known_state state)
{
    return state == KNOWN_LIVE || state == KNOWN_EARLIER || state == KNOWN_SHARED;
}

bool import_is_known(struct import *import, const struct import_label *label)
{
    char key_bytes[IMPORT_MEMORY_LINE_MAX], uidl[MAIL_UIDL_MAX];
    uint8_t length = 0;
    const struct span key = file_key(label, key_bytes);
    bool known = false;
    if (key.length > 0 && known_find(&import->known, key) == KNOWN_EARLIER) {
        known = known_set(&import->known, key, KNOWN_NOW);
    } else if (label->uidl.length > 0 && uidl_is_valid(label->uidl)) {
        known = is_there(known_find(&import->known, label->uidl)) &&
                meet(import, label, label->uidl) && keep_shared(import, label);
    } else if (label->key.length > 0) {
        known = make_uidl(import, label, uidl, &length) == CHOICE_KNOWN;
    }
    if (known)
        import->counts.known++;
    commit_if_full(import);
    return known;
}

static enum choice choose_uidl(struct import *import, const struct import_label *label,
                               char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length)
{
    if (label->uidl.length > 0 && uidl_is_valid(label->uidl)) {
        const enum known_state state = known_find(&import->known, label->uidl);
        if (is_there(state))
            return meet(import, label, label->uidl) && keep_shared(import, label) ? CHOICE_KNOWN
                                                                                  : CHOICE_FAILED;
        if (state == KNOWN_NOT) {
            for (size_t i = 0; i < label->uidl.length; i++)
                out_uidl[i] = label->uidl.bytes[i];
            *out_length = (uint8_t)label->uidl.length;
            return CHOICE_TAKE;
        }
    }
    const enum choice choice = make_uidl(import, label, out_uidl, out_length);
    if (choice == CHOICE_TAKE && label->uidl.length > 0)
        say_refused_uidl(import, label);
    return choice;
}

static enum known_state made_state(const struct import *import, struct span key, uint32_t round,
                                   char out_uidl[UIDL_MADE_BYTES])
{
    uidl_make((uint32_t)content_hash_of(key, 2 * round), content_hash_of(key, 2 * round + 1),
              out_uidl);
    return known_find(&import->known, (struct span){out_uidl, UIDL_MADE_BYTES});
}

static struct span key_of(const struct import *import, const struct import_label *label)
{
    must(label->key.length > 0 || import->content_counts);
    return label->key.length > 0 ? label->key
                                 : (struct span){(const char *)import->digest, CONTENT_HASH_BYTES};
}

/* The same message gives the same UIDL in each import; of several with the same key each gives the
 * first that was not met in this one. Those that were met are the first ones, so that it is found
 * by halving: a folder may hold the same message a hundred thousand times. */
static enum choice make_uidl(struct import *import, const struct import_label *label,
                             char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length)
{
    const struct span key = key_of(import, label);
    uint32_t met = 0, free_round = 0;
    while (made_state(import, key, free_round, out_uidl) == KNOWN_NOW) {
        met = free_round + 1;
        free_round = free_round * 2 + 1;
    }
    while (met < free_round) {
        const uint32_t middle = met + (free_round - met) / 2;
        if (made_state(import, key, middle, out_uidl) == KNOWN_NOW)
            met = middle + 1;
        else
            free_round = middle;
    }
    const enum known_state state = made_state(import, key, free_round, out_uidl);
    *out_length = UIDL_MADE_BYTES;
    if (state == KNOWN_NOT)
        return CHOICE_TAKE;
    return meet(import, label, (struct span){out_uidl, UIDL_MADE_BYTES}) ? CHOICE_KNOWN
                                                                         : CHOICE_FAILED;
}

/* Messages that came under made UIDLs, because they shared this one: the old server may have it for
 * one of them now, and the message that we have under it may be the one that is gone. */
static bool keep_shared(struct import *import, const struct import_label *label)
{
    if (!import->order->removes_gone)
        return true;
    const struct span key = key_of(import, label);
    char uidl[UIDL_MADE_BYTES];
    for (uint32_t round = 0; made_state(import, key, round, uidl) == KNOWN_EARLIER; round++) {
        if (!known_set(&import->known, (struct span){uidl, sizeof uidl}, KNOWN_SHARED))
            return false;
    }
    return true;
}

static void say_refused_uidl(struct import *import, const struct import_label *label)
{
    const int shown = label->uidl.length < 100 ? (int)label->uidl.length : 100;
    progress_hide(&import->progress);
    if (uidl_is_valid(label->uidl))
        command_say("%s has the UIDL %.*s of another message: it gets a new one, and will be "
                    "downloaded once more",
                    label->where, shown, label->uidl.bytes);
    else
        command_say("%s has the UIDL %.*s, which is no valid one (1 to %d characters without "
                    "blanks): it gets a new one, and will be downloaded once more",
                    label->where, shown, label->uidl.bytes, MAIL_UIDL_MAX);
}

/* False where there is no memory. */
static bool remember(struct import *import, const struct import_label *label, struct span uidl)
{
    char key_bytes[IMPORT_MEMORY_LINE_MAX];
    const struct span key = label->is_guess ? file_key(label, key_bytes) : (struct span){"", 0};
    import_memory_note(&import->memory, uidl);
    import_memory_note(&import->memory, key);
    return known_set(&import->known, uidl, KNOWN_NOW) &&
           (key.length == 0 || known_set(&import->known, key, KNOWN_NOW));
}

/* A message that is there came by an import whose memory of it was lost: by a crash, or because the
 * disk was full just then. Unless it is noted now, it comes back when the user removes it. */
static bool meet(struct import *import, const struct import_label *label, struct span uidl)
{
    return known_find(&import->known, uidl) == KNOWN_LIVE
               ? remember(import, label, uidl)
               : known_set(&import->known, uidl, KNOWN_NOW);
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
    enum mail_result result = delivery_commit(&import->delivery);
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
