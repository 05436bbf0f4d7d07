/* compare: both lists in memory, matched by UIDL; see compare.h.
 *
 * Where one side lacks messages all numbers behind them differ, which says nothing new: so numbers
 * count only among the messages that both have. It owns the list of the store's messages.
 */
#include "tools/compare.h"

#include "proto/dot.h"
#include "tools/progress.h"
#include "tools/snapshot.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message whose connection is lost is asked for so often. */
#define TRIES_MAX 3

struct ours {
    struct snapshot_message message;
    uint32_t rank; /* among those that both have, from 1 */
    bool is_matched;
};

/* The bytes of one of our messages, as far as they have been compared. */
struct bytes {
    struct snapshot *snapshot;
    const struct snapshot_message *message;
    struct dot_decoder decoder;
    struct span wire;
    uint64_t at; /* in the wire form */
    uint64_t compared;
    bool differs, failed;
};

struct compare {
    struct run *run;
    const struct compare_order *order;
    const char *user;
    struct snapshot snapshot;
    struct remote remote;
    struct progress progress;
    struct ours *ours; /* in the order of their numbers */
    struct ours **by_uidl;
    uint32_t count, room;
    struct run_counts counts;
};

static enum ending read_ours(struct compare *compare);
static enum ending read_theirs(struct compare *compare, const char *url);
static void match(struct compare *compare);
static bool compare_all(struct compare *compare);
static bool compare_bytes(struct compare *compare, const struct remote_message *theirs,
                          const struct ours *ours);
static struct ours *find(const struct compare *compare, struct span uidl);
static void differ(struct compare *compare, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static enum ending finish(struct compare *compare, bool whole);

enum ending compare_maildrops(struct run *run, const char *user, const char *path, const char *url,
                              const struct compare_order *order)
{
    struct compare compare = {.run = run, .order = order, .user = user};
    command_watch_signals(run);
    enum mail_result result = snapshot_open(&compare.snapshot, &run->access, path, false);
    if (result != MAIL_DONE)
        return command_fail_storage(result, user);
    enum ending ending = read_ours(&compare);
    if (ending == ENDING_DONE)
        ending = read_theirs(&compare, url);
    if (ending == ENDING_DONE) {
        match(&compare);
        progress_begin(&compare.progress, "message", compare.remote.count);
        compare.progress.is_plain = run->report == NULL;
        ending = finish(&compare, compare_all(&compare));
    }
    snapshot_close(&compare.snapshot);
    remote_close(&compare.remote);
    free(compare.by_uidl);
    free(compare.ours);
    return ending;
}

static struct span uidl_of(const struct ours *ours)
{
    const struct record *record = &ours->message.record;
    return (struct span){record->uidl.bytes, record->uidl.length};
}

static int compare_uidls(struct span one, struct span other)
{
    const size_t shared = one.length < other.length ? one.length : other.length;
    const int order = shared > 0 ? memcmp(one.bytes, other.bytes, shared) : 0;
    return order != 0 ? order : (one.length > other.length) - (one.length < other.length);
}

static int compare_ours(const void *a, const void *b)
{
    return compare_uidls(uidl_of(*(struct ours *const *)a), uidl_of(*(struct ours *const *)b));
}

static enum ending read_ours(struct compare *compare)
{
    bool end = false;
    enum mail_result result = MAIL_DONE;
    for (;;) {
        struct ours ours = {.rank = 0};
        result = snapshot_next(&compare->snapshot, &ours.message, &end);
        if (end || result != MAIL_DONE)
            break;
        if (compare->count == compare->room) {
            compare->room = compare->room > 0 ? compare->room * 2 : 1024;
            struct ours *larger = reallocarray(compare->ours, compare->room, sizeof *larger);
            if (larger == NULL)
                return command_fail(ENDING_FAILED, "no memory for the list of %s", compare->user);
            compare->ours = larger;
        }
        if (ours.message.damaged)
            ours.message.record = (struct record){.octets = 0};
        compare->ours[compare->count++] = ours;
    }
    if (result != MAIL_DONE)
        return command_fail_storage(result, compare->user);
    compare->by_uidl = calloc(compare->count + 1, sizeof *compare->by_uidl);
    if (compare->by_uidl == NULL)
        return command_fail(ENDING_FAILED, "no memory for the list of %s", compare->user);
    for (uint32_t i = 0; i < compare->count; i++)
        compare->by_uidl[i] = &compare->ours[i];
    qsort(compare->by_uidl, compare->count, sizeof *compare->by_uidl, compare_ours);
    return ENDING_DONE;
}

static enum ending read_theirs(struct compare *compare, const char *url)
{
    const enum remote_result result =
        remote_open(&compare->remote, compare->run, &compare->order->remote, compare->user, url);
    if (result == REMOTE_INTERRUPTED)
        return command_fail(ENDING_FAILED, "interrupted before anything was compared");
    if (result != REMOTE_DONE)
        return command_fail(ENDING_FAILED, "%s", compare->remote.error);
    if (!compare->remote.has_uidls)
        return command_fail(ENDING_FAILED, "%s has no UIDLs: nothing can be compared", url);
    return ENDING_DONE;
}

/* Ranks: the place among those that both have, in our order. */
static void match(struct compare *compare)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < compare->remote.count; i++) {
        struct ours *ours = find(compare, compare->remote.messages[i].uidl);
        if (ours != NULL)
            ours->is_matched = true;
    }
    for (uint32_t i = 0; i < compare->count; i++) {
        if (compare->ours[i].is_matched)
            compare->ours[i].rank = ++rank;
    }
}

static struct ours *find(const struct compare *compare, struct span uidl)
{
    uint32_t low = 0, high = compare->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = compare_uidls(uidl_of(compare->by_uidl[middle]), uidl);
        if (order == 0)
            return compare->by_uidl[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* False where it could not be done to the end; a sentence has been said. */
static bool compare_all(struct compare *compare)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < compare->count; i++) {
        const struct ours *ours = &compare->ours[i];
        const struct span uidl = uidl_of(ours);
        if (!ours->is_matched)
            differ(compare, "message %u here, UIDL %.*s, %u octets: not there",
                   ours->message.number, (int)uidl.length, uidl.bytes, ours->message.record.octets);
    }
    for (uint32_t i = 0; i < compare->remote.count; i++) {
        const struct remote_message *theirs = &compare->remote.messages[i];
        const struct ours *ours = find(compare, theirs->uidl);
        const int shown = theirs->uidl.length < 100 ? (int)theirs->uidl.length : 100;
        if (ours == NULL) {
            differ(compare, "message %u there, UIDL %.*s, %llu octets: not here", theirs->number,
                   shown, theirs->uidl.bytes, (unsigned long long)theirs->octets);
            continue;
        }
        rank++;
        if (ours->rank != rank)
            differ(compare, "UIDL %.*s: message %u here, %u there: the order differs", shown,
                   theirs->uidl.bytes, ours->message.number, theirs->number);
        if (ours->message.record.octets != theirs->octets)
            differ(compare, "message %u, UIDL %.*s: %u octets here, %llu there",
                   ours->message.number, shown, theirs->uidl.bytes, ours->message.record.octets,
                   (unsigned long long)theirs->octets);
        if (compare->order->bytes && !compare_bytes(compare, theirs, ours))
            return false;
        compare->counts.messages++;
        compare->counts.bytes += compare->order->bytes ? theirs->octets : 0;
        command_report(compare->run, &compare->counts);
        progress_step(&compare->progress, compare->counts.messages, compare->counts.bytes, i + 1);
    }
    return true;
}

/* Their bytes as they come against as many of ours. */
static void take_theirs(void *owner, struct span theirs)
{
    struct bytes *bytes = owner;
    char plain[4096];
    while (theirs.length > 0 && !bytes->differs && !bytes->failed) {
        const size_t wanted = theirs.length < sizeof plain ? theirs.length : sizeof plain;
        size_t got = 0;
        while (got < wanted && !dot_decoder_ended(&bytes->decoder)) {
            if (bytes->wire.length == 0 && (snapshot_read(bytes->snapshot, bytes->message,
                                                          &bytes->at, &bytes->wire) != MAIL_DONE ||
                                            bytes->wire.length == 0)) {
                bytes->failed = true;
                return;
            }
            got += dot_decode(&bytes->decoder, &bytes->wire, plain + got, wanted - got);
        }
        size_t same = 0;
        while (same < got && plain[same] == theirs.bytes[same])
            same++;
        bytes->compared += same;
        bytes->differs = same < wanted;
        theirs = (struct span){theirs.bytes + wanted, theirs.length - wanted};
    }
}

static bool compare_bytes(struct compare *compare, const struct remote_message *theirs,
                          const struct ours *ours)
{
    struct bytes bytes;
    const struct remote_sink sink = {.owner = &bytes, .take = take_theirs};
    const struct span uidl = uidl_of(ours);
    enum remote_result result = REMOTE_LOST;
    for (int tries = 0; result == REMOTE_LOST && tries < TRIES_MAX; tries++) {
        if (tries > 0 && remote_reopen(&compare->remote) != REMOTE_DONE)
            break;
        bytes = (struct bytes){.snapshot = &compare->snapshot, .message = &ours->message};
        dot_decoder_init(&bytes.decoder, DOT_TO_CRLF);
        result = remote_retrieve(&compare->remote, theirs, &sink);
    }
    if (result == REMOTE_INTERRUPTED || result == REMOTE_FAILED || result == REMOTE_LOST) {
        progress_hide(&compare->progress);
        command_say("%s", result == REMOTE_INTERRUPTED ? "interrupted: not all was compared"
                                                       : compare->remote.error);
        return false;
    }
    if (result == REMOTE_REFUSED) {
        differ(compare, "message %u, UIDL %.*s: the other server does not give it",
               ours->message.number, (int)uidl.length, uidl.bytes);
        if (remote_reopen(&compare->remote) == REMOTE_DONE)
            return true;
        command_say("%s", compare->remote.error);
        return false;
    }
    if (bytes.failed)
        differ(compare, "message %u, UIDL %.*s: cannot be read here", ours->message.number,
               (int)uidl.length, uidl.bytes);
    else if (bytes.differs || bytes.compared != ours->message.record.octets)
        differ(compare, "message %u, UIDL %.*s: the bytes differ from octet %llu on",
               ours->message.number, (int)uidl.length, uidl.bytes,
               (unsigned long long)bytes.compared + 1);
    return true;
}

/* What the other server says may hold what makes a terminal do things. */
static void differ(struct compare *compare, const char *format, ...)
{
    char line[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    for (char *at = line; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            *at = '?';
    }
    progress_hide(&compare->progress);
    printf("%s: %s\n", compare->user, line);
    compare->counts.failed++;
}

static enum ending finish(struct compare *compare, bool whole)
{
    char here[PROGRESS_TEXT_BYTES], there[PROGRESS_TEXT_BYTES], differences[PROGRESS_TEXT_BYTES];
    progress_hide(&compare->progress);
    command_report(compare->run, &compare->counts);
    printf("%s: %s here, %s there, %s\n", compare->user,
           progress_count_of(compare->count, "message", here),
           progress_count(compare->remote.count, there),
           compare->counts.failed == 0
               ? "the same"
               : progress_count_of(compare->counts.failed, "difference", differences));
    if (!whole)
        return ENDING_FAILED;
    return compare->counts.failed > 0 ? ENDING_DIFFERS : ENDING_DONE;
}
