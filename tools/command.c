/* command: the ground that all commands stand on; see command.h.
 *
 * It opens what a command needs, says sentences, and reads and writes files with the patience for
 * signals that a long import needs. It never decides what a command does.
 */
#include "tools/command.h"

#include "proto/must.h"
#include "tools/progress.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* A sentence with two paths in it. */
#define SENTENCE_BYTES (2 * 4096 + 512)

static void say(const char *format, va_list values);

void run_init(struct run *run)
{
    *run = (struct run){
        .config_path = CONFIG_PATH_DEFAULT,
        .access = {.patience = DISK_WAIT, .scratch = run->scratch},
        .signals = -1,
        .caller = geteuid(),
        .owner = geteuid(),
        .caller_group = getegid(),
        .owner_group = getegid(),
    };
}

void run_fini(struct run *run)
{
    accounts_free(&run->accounts);
    config_free(&run->config);
    if (run->access.disk != NULL)
        disk_posix_close(&run->access.disk);
    if (run->signals >= 0)
        close(run->signals);
}

const char *command_option(const struct run *run, const char *name)
{
    for (size_t i = 0; i < COMMAND_OPTIONS_MAX && run->command->options[i].name != NULL; i++) {
        if (strcmp(run->command->options[i].name, name) == 0)
            return run->options[i];
    }
    must(false);
    return NULL;
}

void command_report(const struct run *run, const struct run_counts *counts)
{
    if (run->report != NULL)
        *run->report = *counts;
}

const char *run_counts_text(const struct run_counts *counts, char out_text[RUN_COUNTS_BYTES])
{
    char count[PROGRESS_TEXT_BYTES], bytes[PROGRESS_TEXT_BYTES], known[PROGRESS_TEXT_BYTES],
        skipped[PROGRESS_TEXT_BYTES], failed[PROGRESS_TEXT_BYTES];
    snprintf(out_text, RUN_COUNTS_BYTES, "%s, %s; %s already there, %s skipped, %s failed",
             progress_count_of(counts->messages, "message", count),
             progress_bytes(counts->bytes, bytes), progress_count(counts->known, known),
             progress_count(counts->skipped, skipped), progress_count(counts->failed, failed));
    const size_t used = strlen(out_text);
    if (counts->removed > 0)
        snprintf(out_text + used, RUN_COUNTS_BYTES - used, ", %s removed",
                 progress_count(counts->removed, count));
    return out_text;
}

void command_say(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(format, values);
    va_end(values);
}

enum ending command_fail(enum ending ending, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(format, values);
    va_end(values);
    return ending;
}

/* Names of files and users may hold what makes a terminal do things. */
static void say(const char *format, va_list values)
{
    char sentence[SENTENCE_BYTES];
    vsnprintf(sentence, sizeof sentence, format, values);
    for (char *at = sentence; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            *at = '?';
    }
    fprintf(stderr, "ringpost: %s\n", sentence);
}

enum ending command_fail_storage(enum mail_result result, const char *user)
{
    switch (result) {
    case MAIL_DONE:
        return ENDING_DONE;
    case MAIL_IN_USE:
        return command_fail(
            ENDING_TRY_AGAIN,
            "the maildrop of %s is in use by a session: try again when it has ended", user);
    case MAIL_LATER:
    case MAIL_PARTLY:
    case MAIL_TEMPORARY:
        return command_fail(ENDING_TRY_AGAIN,
                            "the store cannot be read or written at the moment: see that its disk "
                            "is mounted, and that its files may be accessed; then try again");
    case MAIL_NO_SPACE:
        return command_fail(ENDING_TRY_AGAIN,
                            "the disk of the store is full: make space, then try again");
    case MAIL_PERMANENT:
        return command_fail(ENDING_TRY_AGAIN,
                            "the maildrop of %s is damaged: `ringpost verify %s` says where", user,
                            user);
    case MAIL_TOO_BIG:
    case MAIL_FULL:
        return command_fail(ENDING_TRY_AGAIN,
                            "the maildrop of %s is full: raise his quota, or `messages` in the "
                            "configuration, or let mail be removed",
                            user);
    }
    return ENDING_FAILED;
}

enum ending command_open_config(struct run *run)
{
    char error[SENTENCE_BYTES];
    if (!config_read(run->config_path, &run->config, error, sizeof error))
        return command_fail(ENDING_CONFIG, "%s", error);
    return ENDING_DONE;
}

enum ending command_open_users(struct run *run)
{
    char error[SENTENCE_BYTES];
    enum ending ending = command_open_config(run);
    if (ending != ENDING_DONE)
        return ending;
    run->accounts = accounts_read(run->config.passwd_file, error, sizeof error);
    if (run->accounts == NULL)
        return command_fail(ENDING_CONFIG, "%s", error);
    return ENDING_DONE;
}

enum ending command_open_store(struct run *run, enum store_making making)
{
    char error[SENTENCE_BYTES];
    bool made = false;
    struct stat status;
    run->access.disk = store_open(run->config.store, making, &made, error, sizeof error);
    if (run->access.disk == NULL)
        return command_fail(ENDING_TRY_AGAIN, "%s", error);
    if (made)
        command_say("made a new store in %s", run->config.store);
    if (run->caller == 0 && stat(run->config.store, &status) == 0) {
        run->owner = status.st_uid;
        run->owner_group = status.st_gid;
    }
    return ENDING_DONE;
}

enum ending command_find_user(struct run *run, const char *user, char out_path[USERS_FOLDER_BYTES])
{
    struct account account;
    if (!accounts_find(run->accounts, span_of(user), &account))
        return command_fail(ENDING_UNKNOWN_USER,
                            "there is no user %.300s: see `ringpost user list`, or make him with "
                            "`ringpost user add`",
                            user);
    if (!users_folder(span_of(user), out_path))
        return command_fail(ENDING_UNKNOWN_USER,
                            "the name %.300s cannot have a maildrop: it is too long, at most %d "
                            "octets are possible, fewer with unusual characters",
                            user, USERS_NAME_MAX);
    return ENDING_DONE;
}

enum ending command_open_maildrop(struct run *run, const char *user,
                                  char out_path[USERS_FOLDER_BYTES])
{
    enum ending ending = command_open_users(run);
    if (ending == ENDING_DONE)
        ending = command_find_user(run, user, out_path);
    if (ending == ENDING_DONE)
        ending = command_open_store(run, STORE_NEVER_MAKE);
    return ending;
}

/* Only the effective ids change, so that the caller's own come back. */
enum ending command_as_owner_begin(const struct run *run)
{
    if (run->owner == run->caller)
        return ENDING_DONE;
    if (setegid(run->owner_group) == 0 && seteuid(run->owner) == 0)
        return ENDING_DONE;
    return command_fail(ENDING_TRY_AGAIN,
                        "the store %s belongs to another user, whom this process may not act as "
                        "(%s): call ringpost as that user",
                        run->config.store, strerror(errno));
}

void command_as_owner_end(const struct run *run)
{
    if (run->owner == run->caller)
        return;
    must(seteuid(run->caller) == 0);
    must(setegid(run->caller_group) == 0);
}

void command_watch_signals(struct run *run)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    if (run->signals < 0 && sigprocmask(SIG_BLOCK, &ends, NULL) == 0)
        run->signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool command_is_interrupted(const struct run *run)
{
    struct pollfd wait = {.fd = run->signals, .events = POLLIN};
    return run->signals >= 0 && poll(&wait, 1, 0) == 1;
}

ssize_t command_read(const struct run *run, int file, char *buffer, size_t bytes)
{
    struct pollfd wait[] = {{.fd = file, .events = POLLIN}, {.fd = run->signals, .events = POLLIN}};
    for (;;) {
        if (run->signals >= 0 && poll(wait, 2, -1) < 0 && errno != EINTR)
            return -errno;
        if (wait[1].revents != 0)
            return -EINTR;
        const ssize_t count = read(file, buffer, bytes);
        if (count >= 0)
            return count;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

int command_write(int file, const char *bytes, size_t count)
{
    while (count > 0) {
        const ssize_t written = write(file, bytes, count);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
        }
    }
    return 0;
}
