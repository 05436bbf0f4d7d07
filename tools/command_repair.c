/* command_repair: verify and compact, of one maildrop or of all users'.
 *
 * The work is done by storage/verify and storage/compact; here users are gone through and findings
 * become sentences. What fails for one user is said, and the others go on. An interrupt ends the
 * process at once: neither leaves anything half done.
 */
#include "storage/compact.h"
#include "storage/verify.h"
#include "tools/command.h"
#include "tools/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* Places in run->options. */
enum repair_option { OPTION_ALL, OPTION_REPAIR };

struct repair {
    struct run *run;
    bool all;
    struct progress progress;
    uint64_t maildrop_count; /* looked at */
    uint64_t failed_count;   /* of these, could not be done, or still have something wrong */
    uint64_t changed_count;  /* of these, compacted or repaired */
    uint64_t message_count;
    uint64_t given_back_bytes;
};

/* One finding's way to the terminal. */
struct repair_finding {
    struct repair *repair;
    const char *user;
};

/* Does the work on one maildrop, counts, and says what is to be said. */
struct repair_work {
    enum mail_result (*one)(struct repair *repair, const char *user, const char *path);
    void (*sum_up)(const struct repair *repair);
};

static enum ending for_users(struct run *run, const struct repair_work *work);
static void for_user(struct repair *repair, const struct repair_work *work, struct span name);

static enum mail_result compact_one(struct repair *repair, const char *user, const char *path)
{
    struct compact_summary summary;
    char before[PROGRESS_TEXT_BYTES], after[PROGRESS_TEXT_BYTES];
    /* Whoever names a user wants it done; over all users only what is worth it is rewritten. */
    const enum mail_result result =
        compact_maildrop(&repair->run->access, path, !repair->all, &summary);
    if (result != MAIL_DONE || !summary.compacted)
        return result;
    repair->changed_count++;
    if (summary.bytes_after < summary.bytes_before)
        repair->given_back_bytes += summary.bytes_before - summary.bytes_after;
    progress_hide(&repair->progress);
    printf("%s: %s before, %s after\n", user, progress_bytes(summary.bytes_before, before),
           progress_bytes(summary.bytes_after, after));
    if (summary.damaged_count > 0)
        command_say("%s: damaged, and copied as it is: %s; `ringpost verify %s` says more", user,
                    progress_count_of(summary.damaged_count, "message", before), user);
    return MAIL_DONE;
}

static void compact_sum_up(const struct repair *repair)
{
    char all[PROGRESS_TEXT_BYTES], changed[PROGRESS_TEXT_BYTES], bytes[PROGRESS_TEXT_BYTES];
    printf("%s, %s compacted, %s given back\n",
           progress_count_of(repair->maildrop_count, "maildrop", all),
           progress_count(repair->changed_count, changed),
           progress_bytes(repair->given_back_bytes, bytes));
}

static enum ending compact(struct run *run)
{
    static const struct repair_work work = {.one = compact_one, .sum_up = compact_sum_up};
    return for_users(run, &work);
}

static void print_finding(void *context, const struct verify_finding *finding)
{
    const struct repair_finding *to = context;
    char text[VERIFY_TEXT_BYTES];
    if (to->repair->all && verify_class_of(finding->kind) == VERIFY_NORMAL)
        return;
    verify_text(finding, text);
    progress_hide(&to->repair->progress);
    printf("%s: %s\n", to->user, text);
}

static enum mail_result verify_one(struct repair *repair, const char *user, const char *path)
{
    struct repair_finding finding = {repair, user};
    const struct verify_reader reader = {.found = print_finding, .context = &finding};
    struct verify_options options = {
        .repair = repair->run->options[OPTION_REPAIR] != NULL,
        .now_s = (uint32_t)time(NULL),
    };
    struct verify_summary summary;
    char messages[PROGRESS_TEXT_BYTES];
    if (getrandom(&options.random, sizeof options.random, 0) != sizeof options.random)
        return MAIL_TEMPORARY;
    const enum mail_result result =
        verify_maildrop(&repair->run->access, path, &options, &reader, &summary);
    if (result != MAIL_DONE)
        return result;
    const bool index_wrong = summary.structure_count > 0 && !summary.repaired;
    repair->message_count += summary.message_count;
    repair->changed_count += summary.repaired;
    repair->failed_count += index_wrong || summary.content_count > 0;
    if (summary.structure_count == 0 && summary.content_count == 0)
        return MAIL_DONE;
    progress_hide(&repair->progress);
    printf("%s: %s, %u wrong; the index %s\n", user,
           progress_count_of(summary.message_count, "message", messages), summary.content_count,
           index_wrong                   ? "is damaged: try --repair"
           : summary.structure_count > 0 ? "is repaired"
                                         : "is good");
    return MAIL_DONE;
}

static void verify_sum_up(const struct repair *repair)
{
    char all[PROGRESS_TEXT_BYTES], messages[PROGRESS_TEXT_BYTES], wrong[PROGRESS_TEXT_BYTES];
    char repaired[PROGRESS_TEXT_BYTES];
    printf("%s, %s, %s repaired, %s with something wrong\n",
           progress_count_of(repair->maildrop_count, "maildrop", all),
           progress_count_of(repair->message_count, "message", messages),
           progress_count(repair->changed_count, repaired),
           progress_count(repair->failed_count, wrong));
}

static enum ending verify(struct run *run)
{
    static const struct repair_work work = {.one = verify_one, .sum_up = verify_sum_up};
    return for_users(run, &work);
}

static enum ending for_users(struct run *run, const struct repair_work *work)
{
    struct repair repair = {.run = run, .all = run->options[OPTION_ALL] != NULL};
    char path[USERS_FOLDER_BYTES];
    if (repair.all == (run->word_count == 1))
        return command_fail(ENDING_USAGE, "name one user, or say --all");
    enum ending ending = command_open_users(run);
    if (ending == ENDING_DONE && !repair.all)
        ending = command_find_user(run, run->words[0], path);
    if (ending == ENDING_DONE)
        ending = command_open_store(run, STORE_NEVER_MAKE);
    if (ending == ENDING_DONE)
        ending = command_as_owner_begin(run);
    if (ending != ENDING_DONE)
        return ending;
    progress_begin(&repair.progress, "maildrop", repair.all ? accounts_count(run->accounts) : 0);
    if (!repair.all)
        for_user(&repair, work, span_of(run->words[0]));
    struct account account;
    for (uint64_t cursor = 0; repair.all && accounts_next(run->accounts, &cursor, &account);) {
        for_user(&repair, work, account.name);
        progress_step(&repair.progress, repair.maildrop_count, 0, repair.maildrop_count);
    }
    command_as_owner_end(run);
    progress_hide(&repair.progress);
    work->sum_up(&repair);
    return repair.failed_count > 0 ? ENDING_FAILED : ENDING_DONE;
}

static void for_user(struct repair *repair, const struct repair_work *work, struct span name)
{
    char path[USERS_FOLDER_BYTES], user[USERS_NAME_MAX + 1];
    repair->maildrop_count++;
    if (!users_folder(name, path)) {
        progress_hide(&repair->progress);
        command_say("%.*s cannot have a maildrop, for the name is too long", 300, name.bytes);
        repair->failed_count++;
        return;
    }
    memcpy(user, name.bytes, name.length);
    user[name.length] = '\0';
    const enum mail_result result = work->one(repair, user, path);
    if (result == MAIL_DONE)
        return;
    progress_hide(&repair->progress);
    command_fail_storage(result, user);
    repair->failed_count++;
}

const struct command command_compact = {
    .name = "compact",
    .words = "[NAME|--all]",
    .words_min = 0,
    .words_max = 1,
    .options = {{.name = "--all", .in_words = true}},
    .summary = "Give the space of removed mail back, of one user or of --all.",
    .help =
        "Over --all users only those maildrops are rewritten of which more than half is dead; a\n"
        "maildrop in use is left for another time.\n",
    .run = compact,
};

const struct command command_verify = {
    .name = "verify",
    .words = "[NAME|--all]",
    .words_min = 0,
    .words_max = 1,
    .options = {{.name = "--all", .in_words = true}, {.name = "--repair"}},
    .summary = "Check the stored mail of one user or of --all; with --repair mend what can be.",
    .help =
        "Each finding is one sentence. The exit status is 1 when something is wrong and was not\n"
        "repaired. A repair never removes mail and never invents any. While a maildrop is looked\n"
        "at, its user cannot log in.\n",
    .run = verify,
};
