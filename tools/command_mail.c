/* command_mail: deliver, list and show.
 *
 * deliver is what a mail server's pipe calls: its exit status is that of sysexits.h, and 0 only
 * when the message is durable. list and show take no lock, so that no session notices them.
 */
#include "tools/snapshot.h"

#include "core/delivery_limits.h"
#include "proto/dot.h"
#include "proto/must.h"
#include "storage/delivery.h"
#include "storage/uidl.h"
#include "tools/command.h"
#include "tools/progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES      65536
#define TIME_TEXT_BYTES 32

static enum ending read_letter(struct run *run, struct letter *letter);
static enum ending deliver_letter(struct run *run, const char *path, const struct letter *letter);
static enum ending show_message(struct snapshot *snapshot, const struct snapshot_message *message,
                                enum dot_line_end line_end);

static enum ending deliver(struct run *run)
{
    char path[USERS_FOLDER_BYTES], block[LETTER_BLOCK_BYTES];
    struct letter letter;
    enum ending ending = command_open_maildrop(run, run->words[0], path);
    if (ending == ENDING_DONE)
        ending = command_as_owner_begin(run);
    if (ending != ENDING_DONE)
        return ending;
    letter_begin(&letter, block, sizeof block, run->config.message_bytes_max);
    ending = read_letter(run, &letter);
    if (ending == ENDING_DONE)
        ending = deliver_letter(run, path, &letter);
    letter_fini(&letter, run->access.disk);
    command_as_owner_end(run);
    return ending;
}

/* All of it before the maildrop is locked, so that a slow sender holds up nobody. */
static enum ending read_letter(struct run *run, struct letter *letter)
{
    char buffer[READ_BYTES];
    enum mail_result result = MAIL_DONE;
    ssize_t count = 1;
    while (count > 0 && result == MAIL_DONE) {
        count = command_read(run, STDIN_FILENO, buffer, sizeof buffer);
        struct span raw = {buffer, count > 0 ? (size_t)count : 0};
        while (raw.length > 0 && (result == MAIL_DONE || result == MAIL_LATER)) {
            result = letter_write(letter, &raw);
            if (result == MAIL_LATER)
                result = letter_spill(letter, &run->access);
        }
    }
    if (count < 0)
        return command_fail(ENDING_TRY_AGAIN, "the message cannot be read from standard input: %s",
                            strerror((int)-count));
    if (result == MAIL_DONE)
        result = letter_end(letter);
    if (result == MAIL_TOO_BIG)
        return command_fail(ENDING_TOO_BIG,
                            "the message is larger than the %llu octets that `message-size` in the "
                            "configuration allows",
                            (unsigned long long)run->config.message_bytes_max);
    return command_fail_storage(result, run->words[0]);
}

static enum ending deliver_letter(struct run *run, const char *path, const struct letter *letter)
{
    struct account account;
    struct delivery delivery;
    must(accounts_find(run->accounts, span_of(run->words[0]), &account));
    const struct delivery_limits limits = delivery_limits_of(&run->config, &account);
    enum mail_result result = delivery_begin(&delivery, &run->access, path, &limits);
    if (result != MAIL_DONE)
        return command_fail_storage(result, run->words[0]);
    const uint32_t now_s = (uint32_t)time(NULL);
    char uidl[UIDL_MADE_BYTES];
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) == sizeof random) {
        uidl_make(now_s, random, uidl);
        result = delivery_add(&delivery, letter, (struct span){"", 0},
                              (struct span){uidl, sizeof uidl}, now_s);
    } else {
        result = MAIL_TEMPORARY;
    }
    if (result == MAIL_DONE)
        result = delivery_commit(&delivery);
    delivery_end(&delivery);
    const enum ending ending = command_fail_storage(result, run->words[0]);
    const bool goes_back = run->config.quota_full == CONFIG_QUOTA_REFUSE;
    return result == MAIL_FULL && goes_back ? ENDING_FULL : ending;
}

static void time_text(uint32_t time_s, char out_text[TIME_TEXT_BYTES])
{
    struct tm parts;
    const time_t time = time_s;
    gmtime_r(&time, &parts);
    strftime(out_text, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static void print_message(const struct snapshot_message *message, uint64_t *octets)
{
    const struct record *record = &message->record;
    char text[TIME_TEXT_BYTES];
    if (message->damaged) {
        printf("%u - - damaged\n", message->number);
        return;
    }
    time_text(record->time_s, text);
    printf("%u %u %.*s %s\n", message->number, record->octets, record->uidl.length,
           record->uidl.bytes, text);
    *octets += record->octets;
}

static enum ending list(struct run *run)
{
    struct snapshot snapshot;
    struct snapshot_message message;
    char path[USERS_FOLDER_BYTES], messages[PROGRESS_TEXT_BYTES], sum[PROGRESS_TEXT_BYTES];
    uint64_t octets = 0;
    bool end = false, damaged = false;
    enum ending ending = command_open_maildrop(run, run->words[0], path);
    if (ending != ENDING_DONE)
        return ending;
    enum mail_result result = snapshot_open(&snapshot, &run->access, path, false);
    if (result != MAIL_DONE)
        return command_fail_storage(result, run->words[0]);
    while (result == MAIL_DONE && ferror(stdout) == 0) {
        result = snapshot_next(&snapshot, &message, &end);
        if (end || result != MAIL_DONE)
            break;
        print_message(&message, &octets);
        damaged = damaged || message.damaged;
    }
    if (result == MAIL_DONE)
        printf("%s, %s octets\n", progress_count_of(snapshot.number, "message", messages),
               progress_count(octets, sum));
    snapshot_close(&snapshot);
    return command_fail_storage(damaged ? MAIL_PERMANENT : result, run->words[0]);
}

static enum ending show(struct run *run)
{
    struct snapshot snapshot;
    struct snapshot_message message;
    char path[USERS_FOLDER_BYTES];
    uint64_t number = 0;
    bool end = false, found = false;
    if (!span_number(span_of(run->words[1]), &number) || number == 0)
        return command_fail(ENDING_USAGE,
                            "`%.80s` is no message number: `ringpost list` shows them",
                            run->words[1]);
    enum ending ending = command_open_maildrop(run, run->words[0], path);
    if (ending != ENDING_DONE)
        return ending;
    enum mail_result result = snapshot_open(&snapshot, &run->access, path, false);
    if (result != MAIL_DONE)
        return command_fail_storage(result, run->words[0]);
    while (result == MAIL_DONE && !end && !found) {
        result = snapshot_next(&snapshot, &message, &end);
        found = !end && message.number == number;
    }
    if (result != MAIL_DONE)
        ending = command_fail_storage(result, run->words[0]);
    else if (!found)
        ending = command_fail(ENDING_FAILED, "%s has no message %llu: the last is %u",
                              run->words[0], (unsigned long long)number, snapshot.number);
    else
        ending =
            show_message(&snapshot, &message, run->options[0] != NULL ? DOT_TO_CRLF : DOT_TO_LF);
    snapshot_close(&snapshot);
    return ending;
}

static enum ending show_message(struct snapshot *snapshot, const struct snapshot_message *message,
                                enum dot_line_end line_end)
{
    struct dot_decoder decoder;
    struct span wire = {"", 0};
    char out[64 * 1024];
    uint64_t at = 0;
    bool unused = false;
    if (snapshot_check(snapshot, message, &unused) != MAIL_DONE)
        return command_fail(ENDING_FAILED,
                            "message %u is damaged, or has just been removed: `ringpost verify` "
                            "says more",
                            message->number);
    dot_decoder_init(&decoder, line_end);
    while (!dot_decoder_ended(&decoder)) {
        if (wire.length == 0 && snapshot_read(snapshot, message, &at, &wire) != MAIL_DONE)
            return command_fail(ENDING_FAILED, "message %u cannot be read to its end: try again",
                                message->number);
        const size_t count = dot_decode(&decoder, &wire, out, sizeof out);
        if (fwrite(out, 1, count, stdout) != count)
            return ENDING_DONE; /* the end of every command looks at stdout */
    }
    return ENDING_DONE;
}

const struct command command_deliver = {
    .name = "deliver",
    .words = "NAME",
    .words_min = 1,
    .words_max = 1,
    .has_sysexits = true,
    .summary = "Put one message, from standard input, into a user's maildrop.",
    .help = "The exit status is for mail servers: 0 only when the message is safe on the disk, 64\n"
            "wrong command line, 65 message too large, 67 no such user, 73 the maildrop is full\n"
            "(75 with `quota-full = defer`), 75 try again later.\n",
    .run = deliver,
};

const struct command command_list = {
    .name = "list",
    .words = "NAME",
    .words_min = 1,
    .words_max = 1,
    .summary = "Print each message's number, octets, UIDL and time (UTC), and the total.",
    .help = "No lock is taken: sessions do not notice it.\n",
    .run = list,
};

const struct command command_show = {
    .name = "show",
    .words = "NAME N",
    .words_min = 2,
    .words_max = 2,
    .options = {{.name = "--raw"}},
    .summary = "Print message number N of a user, with LF line ends.",
    .help = "  --raw   with CRLF line ends, just as RETR sends it, but without stuffed dots\n",
    .run = show,
};
