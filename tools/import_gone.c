/* import_gone: a session of our own that deletes; see import_gone.h.
 *
 * It owns the open mailbox and the marks.
 */
#include "tools/import_gone.h"

#include "storage/mailbox.h"

#include <stdlib.h>
#include <unistd.h>

#define FACTS_WINDOW 128

/* A poll's session takes milliseconds, a fetch seconds. */
#define IN_USE_TRIES    50
#define IN_USE_SLEEP_US (100 * 1000)

static enum mail_result open_mailbox(struct run *run, const char *path, struct mailbox *out_mailbox,
                                     struct mail_view *out_view);
static enum mail_result mark_gone(struct run *run, struct mailbox *mailbox, uint32_t count,
                                  const struct known *known, uint64_t *marks,
                                  uint64_t *out_removed);

enum ending import_gone_remove(struct run *run, const char *user, const char *path,
                               const struct known *known, uint64_t *out_removed)
{
    struct mailbox mailbox;
    struct mail_view view;
    uint64_t removed = 0;
    *out_removed = 0;
    const enum ending ending = command_as_owner_begin(run);
    if (ending != ENDING_DONE)
        return ending;
    enum mail_result result = open_mailbox(run, path, &mailbox, &view);
    if (result == MAIL_DONE) {
        uint64_t *marks = calloc(view.count / 64 + 1, sizeof *marks);
        result = marks == NULL ? MAIL_TEMPORARY
                               : mark_gone(run, &mailbox, view.count, known, marks, &removed);
        if (result == MAIL_DONE && removed > 0)
            result = mailbox.driver->commit(&mailbox, &run->access, marks);
        mailbox.driver->close(&mailbox, run->access.disk);
        free(marks);
    }
    command_as_owner_end(run);
    if (result == MAIL_DONE)
        *out_removed = removed;
    return command_fail_storage(result, user);
}

static enum mail_result open_mailbox(struct run *run, const char *path, struct mailbox *out_mailbox,
                                     struct mail_view *out_view)
{
    enum mail_result result = MAIL_IN_USE;
    for (int tries = 0; result == MAIL_IN_USE && tries < IN_USE_TRIES; tries++) {
        if (tries > 0)
            usleep(IN_USE_SLEEP_US);
        *out_mailbox = (struct mailbox){.driver = &mailbox_native};
        result = mailbox_native.open(out_mailbox, &run->access, path, out_view);
    }
    return result;
}

/* A UIDL that was foretold says nothing, but its file's name does. */
static bool is_gone(const struct known *known, struct span uidl)
{
    const enum known_state state = known_find(known, uidl);
    return state == KNOWN_EARLIER ||
           (state == KNOWN_GUESSED &&
            known_find(known, known_partner(known, uidl)) == KNOWN_EARLIER);
}

static enum mail_result mark_gone(struct run *run, struct mailbox *mailbox, uint32_t count,
                                  const struct known *known, uint64_t *marks, uint64_t *out_removed)
{
    struct mail_fact facts[FACTS_WINDOW];
    for (uint32_t first = 1, got = 0; first <= count; first += got) {
        const uint32_t left = count - first + 1, wanted = left < FACTS_WINDOW ? left : FACTS_WINDOW;
        const enum mail_result result =
            mailbox->driver->facts(mailbox, &run->access, first, wanted, facts, &got);
        if (result != MAIL_DONE)
            return result;
        for (uint32_t i = 0; i < got; i++) {
            const uint32_t index = first - 1 + i;
            if (!is_gone(known, (struct span){facts[i].uidl, facts[i].uidl_length}))
                continue;
            marks[index / 64] |= UINT64_C(1) << index % 64;
            ++*out_removed;
        }
    }
    return MAIL_DONE;
}
