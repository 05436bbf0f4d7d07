/* fill: ringbench fill, which makes mailboxes that come again with the same seed.
 *
 * Decides how much mail each user has and how large the messages are; a user's mail depends on the
 * seed and on his number alone, so that a range can be filled in parts and in any order.
 */
#include "bench/command.h"
#include "bench/fill_target.h"
#include "bench/option.h"
#include "bench/profile.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct fill_settings {
    const char *users_text, *scale_text, *profile_text;
    const struct profile *profile;
    uint64_t seed, messages, message_bytes, mailbox_bytes_max;
    bool is_quiet;
    double scale;
    struct user_range users;
};

#define IN(member) offsetof(struct fill_settings, member)

/* Of --messages. */
#define MESSAGE_BYTES_DEFAULT 10240

static const struct option options[] = {
    {"--users", "PATTERN", OPTION_TEXT, IN(users_text),
     .help = "whose: 'user%d@example.org:1-1000'"},
    {"--seed", "N", OPTION_COUNT, IN(seed), .help = "the same seed makes the same mail (1)"},
    {"--profile", "NAME", OPTION_TEXT, IN(profile_text),
     .help = "what mailboxes hold: isp-day (default) or specmail2001"},
    {"--scale", "X", OPTION_TEXT, IN(scale_text),
     .help = "times the sizes of isp-day's mailboxes (1.0); 0.01 for a try"},
    {"--mailbox-max", "BYTES", OPTION_BYTES, IN(mailbox_bytes_max),
     .help = "no mailbox is larger (100M)", .least = 1, .most = 1ULL << 40},
    {"--messages", "N", OPTION_COUNT, IN(messages),
     .help = "the same number for each user, in place of the distribution", .least = 1,
     .most = 10000000},
    {"--message-bytes", "BYTES", OPTION_BYTES, IN(message_bytes),
     .help = "with --messages: of each (10k)", .least = 1, .most = 1U << 30},
    {"--quiet", NULL, OPTION_FLAG, IN(is_quiet), .help = "no progress"},
    {.name = NULL},
};

/* In the order of enum fill_kind. */
static const char *const kinds[] = {"maildir", "mbox", "native", "lmtp", NULL};

static void print_help(void);
static bool check(struct fill_settings *settings, const char *const *places, int *out_kind);
static bool fill_all(const struct fill_settings *settings, struct fill_target *target);
static bool fill_user(const struct fill_settings *settings, struct fill_target *target,
                      uint64_t user, struct specimen *letter, uint64_t sums[2]);

int fill_command(char *const *words)
{
    struct fill_settings settings = {.seed = 1, .mailbox_bytes_max = 104857600, .scale = 1};
    const char *places[3];
    int kind = 0;
    bool help;
    if (!option_read("fill", words, options, &settings, places, 2, &help))
        return 2;
    if (help) {
        print_help();
        return 0;
    }
    if (!check(&settings, places, &kind))
        return 2;
    static struct fill_target target; /* too large for a careful stack */
    bool good = fill_target_open(&target, (enum fill_kind)kind, places[1]) &&
                fill_all(&settings, &target) && fill_target_finish(&target);
    if (!good)
        option_complain("%s", target.error);
    fill_target_close(&target);
    return good ? 0 : 1;
}

static void print_help(void)
{
    printf(
        "ringbench fill maildir | mbox | native | lmtp PLACE --users PATTERN [OPTION]...\n\n"
        "Makes mailboxes: PLACE is a folder (a mailbox is PLACE/USER, or USER stands for %%u in\n"
        "it), the folder of a native store, or lmtp://HOST:PORT. Sizes are as published for an\n"
        "ISP: 28 %% are empty, median 9 KB, 10 %% above 1.1 MB, 1 %% above 12 MB; by the profile\n"
        "specmail2001 3.4 messages of 24 KB on the average.\n\n");
    option_print(options);
}

static bool check(struct fill_settings *settings, const char *const *places, int *out_kind)
{
    char error[512];
    if (places[0] == NULL || places[1] == NULL)
        return option_complain("fill needs a kind and a place; write ringbench fill maildir FOLDER "
                               "--users 'user%%d:1-100'");
    while (kinds[*out_kind] != NULL && strcmp(kinds[*out_kind], places[0]) != 0)
        (*out_kind)++;
    if (kinds[*out_kind] == NULL)
        return option_complain("fill: \"%s\" is none of maildir, mbox, native, lmtp", places[0]);
    if (settings->users_text == NULL)
        return option_complain("--users is missing; write --users 'user%%d@example.org:1-1000'");
    if (!user_range_parse(settings->users_text, &settings->users, error, sizeof error))
        return option_complain("%s", error);
    if (settings->scale_text != NULL &&
        (sscanf(settings->scale_text, "%lf", &settings->scale) != 1 || settings->scale <= 0 ||
         settings->scale > 1000))
        return option_complain("--scale: \"%s\" is no factor; write 0.1", settings->scale_text);
    const char *profile =
        settings->profile_text != NULL ? settings->profile_text : profile_at(0)->name;
    settings->profile = profile_find(profile, error, sizeof error);
    if (settings->profile == NULL)
        return option_complain("%s", error);
    if (settings->scale_text != NULL && settings->messages > 0)
        return option_complain("--scale is for the sizes that a profile draws, and --messages "
                               "says another; leave one of them out");
    if (settings->message_bytes > 0 && settings->messages == 0)
        return option_complain("--message-bytes needs --messages: how many of them each has");
    if (settings->scale_text != NULL && settings->profile->counts != NULL)
        return option_complain("--scale is for the sizes of isp-day; %s counts messages", profile);
    return true;
}

static bool fill_all(const struct fill_settings *settings, struct fill_target *target)
{
    struct specimen letter;
    specimen_init(&letter);
    bool good = true, shows = !settings->is_quiet && isatty(STDERR_FILENO) == 1;
    uint64_t sums[2] = {0, 0}, users = 0;
    for (; good && users < settings->users.count; users++) {
        good = fill_user(settings, target, users, &letter, sums);
        if (shows && (users % 64 == 0 || users + 1 == settings->users.count))
            fprintf(stderr,
                    "\r\033[K%" PRIu64 " of %" PRIu64 " users, %" PRIu64 " messages, %.1f MB",
                    users + 1, settings->users.count, sums[0], (double)sums[1] / 1e6);
    }
    if (shows)
        fputs("\r\033[K", stderr);
    if (good)
        printf("%" PRIu64 " users, %" PRIu64 " messages, %.1f MB\n", users, sums[0],
               (double)sums[1] / 1e6);
    specimen_fini(&letter);
    return good;
}

static bool fill_user(const struct fill_settings *settings, struct fill_target *target,
                      uint64_t user, struct specimen *letter, uint64_t sums[2])
{
    char name[USER_NAME_MAX];
    struct span user_name = {name, user_range_name(&settings->users, user, name)};
    uint64_t number = settings->users.first + user;
    struct random random = random_stream(settings->seed, number);
    struct profile_mailbox mailbox = profile_mailbox_draw(settings->profile, &random);
    double drawn = settings->scale * (double)mailbox.bytes;
    uint64_t left =
        drawn < (double)settings->mailbox_bytes_max ? (uint64_t)drawn : settings->mailbox_bytes_max;
    bool is_fixed = settings->messages > 0;
    uint64_t fixed_bytes =
        settings->message_bytes > 0 ? settings->message_bytes : MESSAGE_BYTES_DEFAULT;
    if (is_fixed) {
        mailbox.messages = settings->messages;
        left = UINT64_MAX;
    }
    bool is_empty = mailbox.messages == 0 || left == 0;
    if ((is_empty && target->kind == FILL_NATIVE) || target->error[0] != '\0')
        return target->error[0] == '\0';
    if (!fill_target_begin(target, user_name))
        return false;
    for (uint64_t i = 0; i < mailbox.messages && left > 0; i++) {
        uint64_t bytes = is_fixed ? fixed_bytes : profile_size_draw(settings->profile, &random);
        if (bytes > left)
            bytes = left;
        specimen_make(letter, settings->seed, number << 24 | i, bytes, user_name);
        if (!fill_target_put(target, letter, i, random_next(&random)))
            return false;
        left -= letter->count < left ? letter->count : left;
        sums[0]++;
        sums[1] += letter->count;
    }
    return fill_target_end(target);
}
