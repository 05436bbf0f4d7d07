/* command_user: user add, list, passwd, del, and store create.
 *
 * The passwd-file is changed by core/account_edit alone. A password is read from stdin, never from
 * the command line, where every process could see it; copies are wiped.
 */
#include "tools/command_line.h"

#include "core/account_edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SCHEME_HELP                                                                                \
    "The password is one line of standard input; on a terminal it is asked for twice.\n"           \
    "  --scheme SCHEME   how it is kept: yescrypt (default), bcrypt, sha512-crypt, argon2id,\n"    \
    "                    or plain, which APOP needs\n"

/* Longest line that is read, so that one that is too long can be told from the longest. */
#define PASSWORD_LINE_BYTES (PASSWORD_MAX + 2)

static const char *const schemes[] = {"yescrypt", "bcrypt", "sha512-crypt",
                                      "argon2id", "plain",  NULL};

static enum ending make_hash(struct run *run, char out_hash[PASSWORD_HASH_BYTES]);
static enum ending ask_password(struct run *run, char out_line[PASSWORD_LINE_BYTES],
                                size_t *out_length);
static enum ending read_password(struct run *run, const char *prompt,
                                 char out_line[PASSWORD_LINE_BYTES], size_t *out_length);

static enum ending user_add(struct run *run)
{
    const char *user = run->words[0];
    char path[USERS_FOLDER_BYTES], hash[PASSWORD_HASH_BYTES], error[4096 + 512];
    enum ending ending = command_open_config(run);
    if (ending != ENDING_DONE)
        return ending;
    if (!users_folder(span_of(user), path))
        return command_fail(ENDING_FAILED,
                            "%.300s cannot be the name of a user: it must have 1 to %d octets, "
                            "fewer where many of them are unusual characters",
                            user, USERS_NAME_MAX);
    ending = make_hash(run, hash);
    /* The store first: a user in a passwd-file without a store could not log in. */
    if (ending == ENDING_DONE)
        ending = command_open_store(run, STORE_MAKE_IN_EMPTY);
    if (ending == ENDING_DONE && !account_edit_add(run->config.passwd_file, span_of(user),
                                                   span_of(hash), error, sizeof error))
        ending = command_fail(ENDING_FAILED, "%s", error);
    password_wipe(hash, sizeof hash);
    return ending;
}

static enum ending user_passwd(struct run *run)
{
    char path[USERS_FOLDER_BYTES], hash[PASSWORD_HASH_BYTES], error[4096 + 512];
    enum ending ending = command_open_users(run);
    if (ending == ENDING_DONE)
        ending = command_find_user(run, run->words[0], path);
    if (ending == ENDING_DONE)
        ending = make_hash(run, hash);
    if (ending == ENDING_DONE &&
        !account_edit_change(run->config.passwd_file, span_of(run->words[0]), span_of(hash), error,
                             sizeof error))
        ending = command_fail(ENDING_FAILED, "%s", error);
    password_wipe(hash, sizeof hash);
    return ending;
}

static enum ending user_del(struct run *run)
{
    const char *user = run->words[0];
    char path[USERS_FOLDER_BYTES], error[4096 + 512];
    struct account account;
    enum ending ending = command_open_users(run);
    if (ending != ENDING_DONE)
        return ending;
    /* Not command_find_user: whoever cannot have a maildrop must still be removable. */
    if (!accounts_find(run->accounts, span_of(user), &account))
        return command_fail(ENDING_UNKNOWN_USER,
                            "there is no user %.300s: see `ringpost user list`", user);
    if (!account_edit_delete(run->config.passwd_file, span_of(user), error, sizeof error))
        return command_fail(ENDING_FAILED, "%s", error);
    if (users_folder(span_of(user), path))
        command_say("%s can no longer log in; mail that he has stays in %s/%s", user,
                    run->config.store, path);
    return ENDING_DONE;
}

static enum ending user_list(struct run *run)
{
    const enum ending ending = command_open_users(run);
    if (ending != ENDING_DONE)
        return ending;
    struct account account;
    for (uint64_t cursor = 0; accounts_next(run->accounts, &cursor, &account);)
        printf("%.*s\n", (int)account.name.length, account.name.bytes);
    return ENDING_DONE;
}

static enum ending store_create(struct run *run)
{
    enum ending ending = command_open_config(run);
    if (ending == ENDING_DONE)
        ending = command_open_store(run, STORE_MAKE_IN_EMPTY);
    return ending;
}

/* The hash of the password that stdin says, in the scheme that the command line says. */
static enum ending make_hash(struct run *run, char out_hash[PASSWORD_HASH_BYTES])
{
    char line[PASSWORD_LINE_BYTES], error[512];
    size_t length = 0;
    const char *scheme = run->options[0] != NULL ? run->options[0] : schemes[0];
    if (command_line_choice("scheme", scheme, schemes) < 0)
        return ENDING_USAGE;
    enum ending ending = ask_password(run, line, &length);
    if (ending == ENDING_DONE &&
        !password_make(scheme, (struct span){line, length}, out_hash, error, sizeof error))
        ending = command_fail(ENDING_FAILED, "%s", error);
    password_wipe(line, sizeof line);
    return ending;
}

static enum ending ask_password(struct run *run, char out_line[PASSWORD_LINE_BYTES],
                                size_t *out_length)
{
    struct termios before, silent;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return read_password(run, NULL, out_line, out_length);
    char again[PASSWORD_LINE_BYTES];
    size_t again_length = 0;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    /* An interrupt must give the terminal its echo back. */
    command_watch_signals(run);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    enum ending ending = read_password(run, "New password: ", out_line, out_length);
    if (ending == ENDING_DONE)
        ending = read_password(run, "Once more: ", again, &again_length);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    if (ending == ENDING_DONE &&
        !span_equal((struct span){out_line, *out_length}, (struct span){again, again_length}))
        ending = command_fail(ENDING_FAILED, "the two passwords differ: nothing was changed");
    password_wipe(again, sizeof again);
    return ending;
}

/* Without stdio, whose buffer would keep the password. A line may end in LF, CRLF or not at all. */
static enum ending read_password(struct run *run, const char *prompt,
                                 char out_line[PASSWORD_LINE_BYTES], size_t *out_length)
{
    size_t used = 0;
    const char *end = NULL;
    if (prompt != NULL)
        fprintf(stderr, "%s", prompt);
    while (end == NULL && used < PASSWORD_LINE_BYTES) {
        /* Byte by byte: what follows the line is not ours, as when a script feeds two commands. */
        const ssize_t got = command_read(run, STDIN_FILENO, out_line + used, 1);
        if (got == 0)
            break;
        if (got < 0)
            return command_fail(ENDING_FAILED, "no password was read (%s): nothing was changed",
                                got == -EINTR ? "interrupted" : strerror((int)-got));
        end = out_line[used] == '\n' ? out_line + used : NULL;
        used++;
    }
    if (prompt != NULL)
        fprintf(stderr, "\n");
    size_t length = end != NULL ? used - 1 : used;
    if (end != NULL && length > 0 && out_line[length - 1] == '\r')
        length--;
    if (length == 0)
        return command_fail(ENDING_FAILED, "the password is empty: give it as one line of standard "
                                           "input");
    if (length > PASSWORD_MAX)
        return command_fail(ENDING_FAILED, "the password is longer than %d octets", PASSWORD_MAX);
    if (memchr(out_line, '\0', length) != NULL)
        return command_fail(ENDING_FAILED,
                            "the password has a NUL in it, which no client can send");
    *out_length = length;
    return ENDING_DONE;
}

const struct command command_user_add = {
    .group = "user",
    .name = "add",
    .words = "NAME",
    .words_min = 1,
    .words_max = 1,
    .options = {{.name = "--scheme", .value = "SCHEME"}},
    .summary = "Add a user; the password comes from standard input.",
    .help = SCHEME_HELP "Where the store is missing or an empty folder it is made.\n",
    .run = user_add,
};

const struct command command_user_list = {
    .group = "user",
    .name = "list",
    .words = "",
    .summary = "Print the users' names, one a line, in the order of the passwd-file.",
    .run = user_list,
};

const struct command command_user_passwd = {
    .group = "user",
    .name = "passwd",
    .words = "NAME",
    .words_min = 1,
    .words_max = 1,
    .options = {{.name = "--scheme", .value = "SCHEME"}},
    .summary = "Give a user another password, from standard input.",
    .help = SCHEME_HELP,
    .run = user_passwd,
};

const struct command command_user_del = {
    .group = "user",
    .name = "del",
    .words = "NAME",
    .words_min = 1,
    .words_max = 1,
    .summary = "Remove a user from the passwd-file; his mail stays in the store.",
    .run = user_del,
};

const struct command command_store_create = {
    .group = "store",
    .name = "create",
    .words = "",
    .summary = "Make the store that the configuration names.",
    .help =
        "The folder must be missing or empty. Where it already is a store nothing is changed.\n",
    .run = store_create,
};
