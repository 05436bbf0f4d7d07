/* run_settings: the options of ringbench run, and whether they fit each other.
 *
 * The inside of the room run. Each sentence about a mistake says what to write instead.
 */
#include "bench/descriptors.h"
#include "bench/option.h"
#include "bench/output.h"
#include "bench/run.h"

#include "proto/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In open loop, where nothing is said. */
#define CONNECTIONS_DEFAULT 10000

/* A run of a profile's own rate has to have more sessions than that. */
#define PROFILE_SESSIONS_MIN 10

#define MILLISECOND 1000000ULL
#define HOUR        3600000000000ULL

#define IN(member) offsetof(struct run_settings, member)

static const struct option options[] = {
    {"--users", "PATTERN", OPTION_TEXT, IN(users_text),
     .help = "the users: 'user%d@example.org:1-100000', or one name"},
    {"--password", "TEXT", OPTION_TEXT, IN(password),
     .help = "their password; %u in it is the user's name"},
    {"--password-file", "FILE", OPTION_TEXT, IN(password_path),
     .help = "the same, the first line of a file"},
    {"--mix", "KIND=N,...", OPTION_TEXT, IN(mix_text),
     .help = "session kinds and their shares (poll=1); see below"},
    {"--profile", "NAME", OPTION_TEXT, IN(profile_text),
     .help = "kinds, rate, readers and all else as in a profile; see below"},
    {"--rate", "N | A..B", OPTION_TEXT, IN(rate_text),
     .help = "open loop: sessions a second, or a ramp; time counts from when one was due"},
    {"--connections", "N", OPTION_COUNT, IN(load.connections),
     .help = "closed loop: so many at once; with --rate the most at once (10000)", .least = 1},
    {"--time", "T", OPTION_DURATION, IN(load.length_ns), .help = "how long (10s)",
     .least = 100 * MILLISECOND, .most = 24 * HOUR},
    {"--warmup", "T", OPTION_DURATION, IN(load.warmup_ns),
     .help = "of which so much does not count (0)", .least = 0, .most = 24 * HOUR},
    {"--arrivals", "KIND", OPTION_TEXT, IN(arrivals_text), .help = "poisson (default) or fixed"},
    {"--find", "pN=T", OPTION_TEXT, IN(find_text),
     .help = "search the highest rate that keeps a target: p99=50ms; --rate is the first tried"},
    {"--repeat", "N", OPTION_COUNT, IN(repeat), .help = "measure so many times (1)", .least = 1,
     .most = REPEAT_MAX},
    {"--timeout", "T", OPTION_DURATION, IN(load.timeout_ns), .help = "of an answer (30s)",
     .least = 10 * MILLISECOND, .most = HOUR},
    {"--think", "T", OPTION_DURATION, IN(load.think_ns),
     .help = "mean time before each command after the login (0)", .least = 0, .most = HOUR},
    {"--hold", "T", OPTION_DURATION, IN(load.hold_ns),
     .help = "of the kind hold (to the end of the run)", .least = 0, .most = 24 * HOUR},
    {"--commands", "N", OPTION_COUNT, IN(load.script.commands),
     .help = "of the kinds noop and retr (100)", .least = 1, .most = 1000000000},
    {"--pipelining", NULL, OPTION_FLAG, IN(load.script.pipelining),
     .help = "do not wait for each answer after the login"},
    {"--auth", "NAME", OPTION_TEXT, IN(auth_text), .help = "user (default), plain, login or apop"},
    {"--stls", NULL, OPTION_FLAG, IN(load.script.stls),
     .help = "encrypt pop3:// with STLS, lmtp:// with STARTTLS"},
    {"--resume", NULL, OPTION_FLAG, IN(load.tls.resumes),
     .help = "resume the TLS session of before"},
    {"--tls12", NULL, OPTION_FLAG, IN(load.tls.only_tls12), .help = "TLS 1.2, not 1.3"},
    {"--ca", "FILE", OPTION_TEXT, IN(load.tls.authorities),
     .help = "check the server's certificate by these"},
    {"--slow", "PERCENT", OPTION_COUNT, IN(load.slow_percent),
     .help = "of connections that read slowly (0)", .least = 0, .most = 100},
    {"--read-rate", "BYTES", OPTION_BYTES, IN(load.read_rate), .help = "a second, of these (1k)",
     .least = 100, .most = 10U << 20},
    {"--sources", "A-B", OPTION_TEXT, IN(sources_text),
     .help = "come from these addresses: 127.1.0.1-127.1.0.200"},
    {"--proxy", "v1 | v2", OPTION_TEXT, IN(proxy_text), .help = "begin with a PROXY header"},
    {"--messages", "N", OPTION_COUNT, IN(load.script.messages),
     .help = "LMTP: messages a session (1)", .least = 1, .most = 1000000},
    {"--message-bytes", "BYTES", OPTION_BYTES, IN(letter_bytes),
     .help = "LMTP: of each message (as people send them)", .least = 1, .most = 1U << 30},
    {"--check-content", NULL, OPTION_FLAG, IN(load.script.check_content),
     .help = "also check the bytes of messages that ringbench made"},
    {"--check-deletes", NULL, OPTION_FLAG, IN(load.script.check_deletes),
     .help = "also check that what was deleted does not come again"},
    {"--pid", "PID", OPTION_COUNT, IN(pid), .help = "of a local server: watch its CPU and memory",
     .least = 1, .most = 1U << 22},
    {"--threads", "N", OPTION_COUNT, IN(threads), .help = "of the generator (one for each core)",
     .least = 1, .most = THREADS_MAX},
    {"--seed", "N", OPTION_COUNT, IN(load.seed), .help = "of all that is drawn (1)"},
    {"--errors-allowed", "PERCENT", OPTION_COUNT, IN(errors_allowed_percent),
     .help = "of sessions, before the exit status is 1 (0)", .least = 0, .most = 100},
    {"--json", "FILE", OPTION_TEXT, IN(json_path),
     .help = "write all that was measured; - is stdout"},
    {"--hdr", "FILE", OPTION_TEXT, IN(hdr_path),
     .help = "write an HdrHistogram log of the latencies"},
    {"--report", "FILE", OPTION_TEXT, IN(report_path), .help = "write an HTML page with plots"},
    {"--label", "TEXT", OPTION_TEXT, IN(label), .help = "what the report calls this"},
    {"--quiet", NULL, OPTION_FLAG, IN(is_quiet), .help = "no line each second"},
    {.name = NULL},
};

static struct run_settings defaults(const struct profile *profile);
static bool take_profile(char *const *words, struct run_settings *settings);
static void print_help(void);
static bool check_target(struct run_settings *settings, const char *url);
static bool check_users(struct run_settings *settings);
static bool check_load(struct run_settings *settings);
static bool check_rate(struct run_settings *settings);
static bool check_choices(struct run_settings *settings);
static bool check_find(struct run_settings *settings);
static bool check_sources(struct run_settings *settings);
static bool read_password(struct run_settings *settings);
static bool check_outputs(const struct run_settings *settings);
static bool choose(const char *option, const char *word, const char *const *choices,
                   int *out_index);

bool run_settings_read(char *const *words, struct run_settings *out_settings, bool *out_help)
{
    const char *targets[2];
    *out_settings = defaults(NULL);
    if (!option_read("run", words, options, out_settings, targets, 1, out_help) ||
        (!*out_help && !take_profile(words, out_settings)))
        return false;
    if (*out_help) {
        print_help();
        return false;
    }
    if (targets[0] == NULL)
        return option_complain("run needs a target; write ringbench run pop3://HOST:PORT "
                               "--users 'user%%d:1-100' --password TEXT");
    const struct run_settings usual = defaults(out_settings->profile);
    if (!check_target(out_settings, targets[0]) || !check_load(out_settings) ||
        !check_users(out_settings) || !check_rate(out_settings) || !check_choices(out_settings) ||
        !check_find(out_settings) || !check_sources(out_settings) ||
        !run_settings_take_effect(out_settings, &usual) || !check_outputs(out_settings))
        return false;
    if (out_settings->load.target.protocol != TARGET_LMTP)
        return true;
    letters_init(&out_settings->letters, out_settings->load.seed, out_settings->letter_bytes);
    out_settings->load.script.letters = out_settings->letters.each;
    out_settings->load.script.letter_count = out_settings->letters.count;
    return true;
}

/* What counts where nothing is said. */
static struct run_settings defaults(const struct profile *profile)
{
    struct run_settings settings = {
        .repeat = 1,
        .profile = profile,
        .load = {.length_ns = 10000000000U,
                 .timeout_ns = 30000000000U,
                 .seed = 1,
                 .is_poisson = true,
                 .read_rate = 1024,
                 .script = {.commands = 100, .messages = 1}},
    };
    if (profile != NULL) {
        settings.mix_text = profile->mix;
        settings.load.slow_percent = profile->slow_percent;
        if (profile->read_rate > 0)
            settings.load.read_rate = profile->read_rate;
    }
    return settings;
}

/* The words once more, on top of what the profile says: whatever is written counts. */
static bool take_profile(char *const *words, struct run_settings *settings)
{
    char error[256];
    if (settings->profile_text == NULL)
        return true;
    const struct profile *profile = profile_find(settings->profile_text, error, sizeof error);
    if (profile == NULL)
        return option_complain("%s", error);
    const char *targets[2];
    bool help;
    *settings = defaults(profile);
    return option_read("run", words, options, settings, targets, 1, &help);
}

void run_settings_fini(struct run_settings *settings)
{
    letters_fini(&settings->letters);
    free(settings->password_line);
}

static void print_help(void)
{
    printf("ringbench run TARGET [OPTION]...\n\n"
           "Measures a server: pop3://HOST:PORT, pop3s://HOST:PORT or lmtp://HOST:PORT; or by a\n"
           "unix socket, lmtp:unix:/PATH.\n\n");
    option_print(options);
    printf("\nSession kinds for --mix:\n");
    for (uint32_t i = 0; i < kind_count(); i++)
        printf("  %-12s %s\n", kind_at(i)->name, kind_at(i)->summary);
    printf("\nProfiles:\n");
    for (uint32_t i = 0; i < profile_count(); i++)
        printf("  %-12s %s\n", profile_at(i)->name, profile_at(i)->summary);
    printf("\nExit status: 0; 1 where sessions failed or the server was wrong; 2 for wrong words;\n"
           "130 after an interruption.\n");
}

static bool check_target(struct run_settings *settings, const char *url)
{
    char error[512];
    struct load_settings *load = &settings->load;
    settings->target_url = url;
    if (!target_parse(url, &load->target, error, sizeof error) ||
        !target_resolve(&load->target, error, sizeof error))
        return option_complain("%s", error);
    load->tls.host = load->target.port[0] != '\0' ? load->target.host : NULL;
    bool is_pop3 = load->target.protocol == TARGET_POP3;
    if (load->script.stls && load->target.tls)
        return option_complain("--stls is for pop3:// and lmtp://: pop3s:// is encrypted already");
    if (load->target.skipped[0] != '\0')
        fprintf(stderr, "ringbench: nobody listens at %s; the next address of %s is taken\n",
                load->target.skipped, load->target.host);
    if (settings->profile != NULL && !is_pop3)
        return option_complain("--profile is for pop3:// and pop3s://");
    const char *mix = settings->mix_text != NULL ? settings->mix_text
                      : is_pop3                  ? "poll"
                                                 : "deliver";
    settings->mix_text = mix;
    if (!mix_parse(mix, load->target.protocol, &load->mix, error, sizeof error))
        return option_complain("%s", error);
    return true;
}

static bool check_users(struct run_settings *settings)
{
    char error[512];
    struct script_settings *script = &settings->load.script;
    if (settings->users_text == NULL)
        return option_complain("--users is missing; write --users 'user%%d@example.org:1-1000'");
    if (!user_range_parse(settings->users_text, &script->users, error, sizeof error))
        return option_complain("%s", error);
    if (settings->password != NULL && settings->password_path != NULL)
        return option_complain("--password and --password-file exclude each other");
    if (settings->password_path != NULL && !read_password(settings))
        return false;
    bool logs_in = mix_has_stage(&settings->load.mix, STAGE_LOGIN);
    settings->load.users_are_shared = !logs_in;
    if (settings->password == NULL && logs_in)
        return option_complain("--password or --password-file is missing");
    if (logs_in && !settings->load.is_open_loop && settings->load.connections > script->users.count)
        return option_complain("--connections %llu need as many --users: a maildrop takes one "
                               "session at a time (RFC 1939)",
                               (unsigned long long)settings->load.connections);
    script->password = settings->password != NULL ? settings->password : "";
    if (strlen(script->password) > 255)
        return option_complain("a password has up to 255 octets");
    return true;
}

static bool check_load(struct run_settings *settings)
{
    char error[512];
    struct load_settings *load = &settings->load;
    load->is_open_loop = settings->rate_text != NULL || settings->profile != NULL;
    if (settings->rate_text != NULL &&
        !rate_parse(settings->rate_text, &load->rate, error, sizeof error))
        return option_complain("%s", error);
    if (load->connections == 0 && !load->is_open_loop)
        return option_complain("say how much: --rate 200 (sessions a second) or --connections 50");
    uint64_t files = descriptors_raise();
    uint64_t most = files > DESCRIPTORS_OTHERS ? files - DESCRIPTORS_OTHERS : files / 2;
    if (load->connections == 0)
        load->connections = most < CONNECTIONS_DEFAULT ? most : CONNECTIONS_DEFAULT;
    if (load->connections > most)
        return option_complain("--connections: this process may open %llu files; raise the limit "
                               "(ulimit -n) or ask for at most %llu",
                               (unsigned long long)files, (unsigned long long)most);
    if (load->warmup_ns >= load->length_ns)
        return option_complain("--warmup must be shorter than --time");
    if (settings->pid > 0 && process_use_of((int)settings->pid).process_count == 0)
        return option_complain("--pid: there is no process %llu here",
                               (unsigned long long)settings->pid);
    load->script.thinks = load->think_ns > 0;
    return true;
}

/* A profile gives the rate of so many users, and how any rate goes over its day; a ramp is a shape
 * of its own, and a search needs a rate that stays. */
static bool check_rate(struct run_settings *settings)
{
    const struct profile *profile = settings->profile;
    struct rate *rate = &settings->load.rate;
    if (profile == NULL || rate->count > 1 || settings->find_text != NULL)
        return true;
    if (settings->rate_text == NULL) {
        double mean = profile_mean_rate(profile, settings->load.script.users.count);
        if (mean * (double)settings->load.length_ns / 1e9 < PROFILE_SESSIONS_MIN)
            return option_complain("%s: so few users make %g sessions a second, hardly one in this "
                                   "--time; write --rate N, or take more --users",
                                   profile->name, mean);
        snprintf(settings->profile_rate_text, sizeof settings->profile_rate_text, "%g", mean);
        settings->rate_text = settings->profile_rate_text;
        rate->points[0] = mean;
    }
    profile_rate(profile, rate->points[0], rate);
    return true;
}

static bool check_choices(struct run_settings *settings)
{
    static const char *const auths[] = {"user", "plain", "login", "apop", NULL};
    static const char *const arrivals[] = {"fixed", "poisson", NULL};
    static const char *const proxies[] = {"v1", "v2", NULL};
    int chosen;
    if (settings->auth_text != NULL) {
        if (!choose("--auth", settings->auth_text, auths, &chosen))
            return false;
        settings->load.script.auth = (enum script_auth)chosen;
    }
    if (settings->arrivals_text != NULL) {
        if (!choose("--arrivals", settings->arrivals_text, arrivals, &chosen))
            return false;
        settings->load.is_poisson = chosen == 1;
    }
    if (settings->proxy_text != NULL) {
        if (!choose("--proxy", settings->proxy_text, proxies, &chosen))
            return false;
        settings->load.proxy = chosen == 0 ? LOAD_PROXY_V1 : LOAD_PROXY_V2;
    }
    return true;
}

static bool check_find(struct run_settings *settings)
{
    const char *text = settings->find_text;
    if (text == NULL)
        return true;
    char *end = NULL;
    double percent = text[0] == 'p' ? strtod(text + 1, &end) : 0;
    if (percent <= 0 || percent >= 100 || *end != '=' ||
        !option_duration(end + 1, &settings->find_ns) || settings->find_ns == 0)
        return option_complain("--find: \"%s\" is no target; write p99=50ms", text);
    if (settings->rate_text == NULL || settings->load.rate.count > 1)
        return option_complain("--find needs a --rate to begin with, and no ramp");
    settings->find_quantile = percent / 100;
    return true;
}

static bool check_sources(struct run_settings *settings)
{
    const char *text = settings->sources_text;
    if (text == NULL)
        return true;
    char error[256];
    const struct target *target = &settings->load.target;
    return source_range_parse(text, target->address.ss_family, &settings->load.sources, error,
                              sizeof error) ||
           option_complain("%s", error);
}

/* Now, not when the run has been for nothing. */
static bool check_outputs(const struct run_settings *settings)
{
    const char *const paths[] = {settings->json_path, settings->hdr_path, settings->report_path};
    uint32_t to_stdout = 0;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (paths[i] == NULL)
            continue;
        if (!output_try(paths[i]))
            return false;
        to_stdout += output_is_stdout(paths[i]);
    }
    return to_stdout <= 1 ||
           option_complain("only one of --json, --hdr and --report can be \"-\", standard output");
}

static bool read_password(struct run_settings *settings)
{
    FILE *file = fopen(settings->password_path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t length = file != NULL ? getline(&line, &room, file) : -1;
    if (file != NULL)
        fclose(file);
    if (length <= 0) {
        free(line);
        return option_complain("--password-file: %s cannot be read or is empty",
                               settings->password_path);
    }
    line[strcspn(line, "\r\n")] = '\0';
    settings->password = settings->password_line = line;
    return true;
}

static bool choose(const char *option, const char *word, const char *const *choices, int *out_index)
{
    char list[128] = "";
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(word, choices[i]) == 0) {
            *out_index = i;
            return true;
        }
        size_t length = strlen(list);
        snprintf(list + length, sizeof list - length, "%s%s", i > 0 ? ", " : "", choices[i]);
    }
    return option_complain("%s: \"%s\" is none of %s", option, word, list);
}
