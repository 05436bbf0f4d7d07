/* import_pop3: fetches the mail of a user from another POP3 server for the import.
 *
 * Whatever UIDLs the server answers are kept. Only messages that are not there yet are fetched, and
 * nothing is removed from the other server. POP3 knows no times: the messages get that of the
 * import.
 */
#include "tools/import.h"

#include <stdio.h>
#include <string.h>

/* A message whose connection is lost is asked for so often. Then it is left out, for it alone may
 * be what the old server stumbles over; but not more than so many in a row. */
#define TRIES_MAX         3
#define LOST_IN_A_ROW_MAX 3

struct import_pop3 {
    struct import import;
    struct remote remote;
    int lost_in_a_row; /* messages */
};

static enum ending open_remote(struct import_pop3 *pop3, const struct import_order *order,
                               const char *user, const char *source);
static bool fetch(struct import_pop3 *pop3, const struct remote_message *message);
static bool leave_out_lost(struct import_pop3 *pop3, const char *where);
static void take(void *owner, struct span bytes);

enum ending import_from_pop3(struct run *run, const char *user, const char *path,
                             const char *source, const struct import_order *order)
{
    struct import_pop3 pop3 = {.import.run = run};
    command_watch_signals(run);
    enum ending ending = open_remote(&pop3, order, user, source);
    if (ending == ENDING_DONE)
        ending = import_begin(&pop3.import, run, user, path, order);
    if (ending == ENDING_DONE) {
        struct import *import = &pop3.import;
        bool goes_on = true;
        for (uint32_t i = 0; i < pop3.remote.count; i++)
            import->content_counts =
                import->content_counts || pop3.remote.messages[i].uidl.length == 0;
        import_expect(import, pop3.remote.count);
        for (uint32_t i = 0; i < pop3.remote.count && goes_on && import_goes_on(import); i++) {
            goes_on = fetch(&pop3, &pop3.remote.messages[i]);
            import_step(import, i + 1);
        }
        const bool has_failed = !goes_on && import_goes_on(import);
        import->source_is_cut = !goes_on;
        ending = import_end(import);
        if (has_failed)
            ending = command_fail(ENDING_FAILED, "%s", pop3.remote.error);
    }
    remote_close(&pop3.remote);
    return ending;
}

static enum ending open_remote(struct import_pop3 *pop3, const struct import_order *order,
                               const char *user, const char *source)
{
    switch (remote_open(&pop3->remote, pop3->import.run, &order->remote, user, source)) {
    case REMOTE_DONE:
        if (!pop3->remote.has_uidls && pop3->remote.count > 0)
            command_say("%s has no UIDLs: they are made from the messages' contents, and clients "
                        "will download all once more",
                        source);
        return ENDING_DONE;
    case REMOTE_INTERRUPTED:
        return command_fail(ENDING_FAILED, "interrupted before anything was fetched");
    case REMOTE_REFUSED:
    case REMOTE_LOST:
    case REMOTE_FAILED:
        return command_fail(ENDING_FAILED, "%s", pop3->remote.error);
    }
    return ENDING_FAILED;
}

/* False where nothing more can be fetched; the reason is the remote's error. */
static bool fetch(struct import_pop3 *pop3, const struct remote_message *message)
{
    struct import *import = &pop3->import;
    const struct remote_sink sink = {.owner = pop3, .take = take};
    char where[512];
    snprintf(where, sizeof where, "message %u of %.400s", message->number, pop3->remote.login);
    const struct import_label label = {
        .uidl = message->uidl, .key = message->uidl, .time = (int64_t)time(NULL), .where = where};
    if (import_is_known(import, &label))
        return true;
    enum remote_result result = REMOTE_LOST;
    for (int tries = 0; result == REMOTE_LOST && tries < TRIES_MAX; tries++) {
        if (tries > 0 && remote_reopen(&pop3->remote) != REMOTE_DONE)
            return false;
        result = remote_retrieve(&pop3->remote, message, &sink);
        if (result != REMOTE_DONE)
            import_message_cancel(import);
    }
    if (result != REMOTE_LOST)
        pop3->lost_in_a_row = 0;
    switch (result) {
    case REMOTE_DONE:
        import_message_end(import, &label);
        return true;
    case REMOTE_REFUSED:
        import_refuse(import, where,
                      "the old server refuses to give it, gives nothing of it, or far more than it "
                      "has said, and it is left out");
        return remote_reopen(&pop3->remote) == REMOTE_DONE;
    case REMOTE_INTERRUPTED:
        import->interrupted = true;
        return false;
    case REMOTE_LOST:
        return leave_out_lost(pop3, where);
    case REMOTE_FAILED:
        break;
    }
    return false;
}

static bool leave_out_lost(struct import_pop3 *pop3, const char *where)
{
    char why[REMOTE_SENTENCE_BYTES + 64];
    snprintf(why, sizeof why, "it is left out after %d tries, for %s", TRIES_MAX,
             pop3->remote.error);
    import_refuse(&pop3->import, where, why);
    pop3->lost_in_a_row++;
    return pop3->lost_in_a_row < LOST_IN_A_ROW_MAX && remote_reopen(&pop3->remote) == REMOTE_DONE;
}

static void take(void *owner, struct span bytes)
{
    struct import_pop3 *pop3 = owner;
    import_bytes(&pop3->import, bytes);
}
