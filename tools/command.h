/* command: what all commands of `ringpost` share.
 *
 * A command is a constant: its words, its options, what it does. It runs with a `struct run`, which
 * holds the words of the command line, and what was opened on the way: configuration, users, store.
 * Each opening says its own sentence on failure, so a command only hands the ending on. Commands
 * print results to stdout and sentences to stderr, through command_say and command_fail alone.
 */
#ifndef RINGPOST_TOOLS_COMMAND_H
#define RINGPOST_TOOLS_COMMAND_H

#include "core/account.h"
#include "core/config.h"
#include "core/store.h"
#include "proto/mail.h"
#include "storage/users.h"

#include <sys/types.h>

#define COMMAND_OPTIONS_MAX 14
#define COMMAND_REPEATS_MAX 16 /* as many hosts as a certificate can have */
#define COMMAND_WORDS_MAX   3

/* What a command has done so far, for a person who waits. */
struct run_counts {
    uint64_t messages, bytes; /* brought, or compared */
    uint64_t known;           /* were there already */
    uint64_t skipped;         /* left out as they should be */
    uint64_t failed;          /* left out with a sentence; compared: different */
    uint64_t removed;         /* were gone from where they came */
};

/* "3 messages, 26 octets; 1 already there, 2 skipped, 0 failed". Returns `out_text`. */
#define RUN_COUNTS_BYTES 256
const char *run_counts_text(const struct run_counts *counts, char out_text[RUN_COUNTS_BYTES]);

/* How a command ended. `deliver` answers each as sysexits.h has it, the others as done, failed or
 * wrong. */
enum ending {
    ENDING_DONE,
    ENDING_FAILED,       /* could not do it, or not all of it */
    ENDING_USAGE,        /* the command line is wrong */
    ENDING_CONFIG,       /* the configuration is wrong */
    ENDING_UNKNOWN_USER, /* no such user in the passwd-file */
    ENDING_TRY_AGAIN,    /* disk full, store not there, maildrop damaged: the mail must wait */
    ENDING_FULL,         /* the maildrop has no room for the message, which goes back */
    ENDING_TOO_BIG,      /* the message is larger than the configuration allows */
    ENDING_DIFFERS,      /* compared, and it is not the same */
};

struct run;

struct command_option {
    const char *name;  /* "--scheme" */
    const char *value; /* what the usage shows for its value, or NULL: it has none */
    bool in_words;     /* the command's words show it already */
    bool repeats;      /* may be given several times; at most one option of a command */
};

struct command {
    const char *group; /* "user", or NULL */
    const char *name;
    const char *words; /* as the usage shows them */
    uint32_t words_min, words_max;
    struct command_option options[COMMAND_OPTIONS_MAX]; /* up to the first without a name */
    const char *summary;                                /* one line, for the overview */
    const char *help;                                   /* the rest, or NULL */
    bool has_sysexits;
    bool differs; /* as diff(1) and cmp(1): 1 says "it differs", 2 that it could not be done */
    enum ending (*run)(struct run *run);
};

extern const struct command command_user_add, command_user_list, command_user_passwd,
    command_user_del, command_store_create, command_import, command_export, command_deliver,
    command_list, command_show, command_verify, command_compact, command_certificate_make,
    command_tls_ticket_keys, command_compare;

struct run {
    const struct command *command;
    const char *words[COMMAND_WORDS_MAX];
    uint32_t word_count;
    const char *options[COMMAND_OPTIONS_MAX]; /* NULL: not given; "" for one without value; the last
                                                 value of one that repeats */
    const char *repeats[COMMAND_REPEATS_MAX]; /* each value of the option that repeats */
    uint32_t repeat_count;
    const char *config_path;
    struct config config;
    struct accounts *accounts;
    struct disk_access access; /* always DISK_WAIT */
    int signals;               /* where SIGINT and SIGTERM arrive, or -1: they end the process */
    uid_t caller, owner;       /* differ where root works in somebody's store */
    gid_t caller_group, owner_group;
    struct run_counts *report; /* shared with the process that waits for this one, or NULL */
    char scratch[DISK_SCRATCH_BYTES];
};

/* A run of nothing yet, and its end. */
void run_init(struct run *run);
void run_fini(struct run *run);

/* The value of an option of the command, "" for one that has none, or NULL where it is not given.
 */
const char *command_option(const struct run *run, const char *name);

/* Tells the process that waits for this one, if there is such, how far it is. */
void command_report(const struct run *run, const struct run_counts *counts);

/* One sentence to stderr; control bytes in it are shown as `?`. command_fail returns `ending`. */
void command_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
enum ending command_fail(enum ending ending, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The sentence for a request to the storage that did not end in MAIL_DONE, about `user`'s
 * maildrop. */
enum ending command_fail_storage(enum mail_result result, const char *user);

/* Each opens what it is named after and what that needs: configuration, users, store. */
enum ending command_open_config(struct run *run);
enum ending command_open_users(struct run *run);
enum ending command_open_store(struct run *run, enum store_making making);

/* Checks that `user` is in the passwd-file, and writes his maildrop's folder. */
enum ending command_find_user(struct run *run, const char *user, char out_path[USERS_FOLDER_BYTES]);

/* Configuration, users, the store as it is, and the user: what most commands begin with. */
enum ending command_open_maildrop(struct run *run, const char *user,
                                  char out_path[USERS_FOLDER_BYTES]);

/* Where root writes into the store of another, files must be his, or the server could not read
 * them: from _begin to _end the process acts as the store's owner. Nothing happens for others.
 * Without ENDING_DONE it has not begun. */
enum ending command_as_owner_begin(const struct run *run);
void command_as_owner_end(const struct run *run);

/* From here on SIGINT and SIGTERM do not end the process but make command_read answer -EINTR. */
void command_watch_signals(struct run *run);
bool command_is_interrupted(const struct run *run);

/* Reads some bytes: how many, 0 at the end, or -errno; -EINTR where the user wants an end. */
ssize_t command_read(const struct run *run, int file, char *buffer, size_t bytes);

/* Writes all of it: 0, or -errno. */
int command_write(int file, const char *bytes, size_t count);

#endif
