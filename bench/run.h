/* run: one measurement, from the settings to its result, and the command that makes them.
 *
 * Starts a thread for each core, watches them, and puts together what they have counted. Prints
 * nothing but the live line; what becomes of a result is the command's business.
 */
#ifndef RINGPOST_BENCH_RUN_H
#define RINGPOST_BENCH_RUN_H

#include "bench/letters.h"
#include "bench/load.h"
#include "bench/profile.h"
#include "bench/timeline.h"

#define THREADS_MAX 256

/* Measurements of --repeat: as many as compare reads. */
#define REPEAT_MAX 1000

/* What a person has asked for, as written and as understood. */
struct run_settings {
    struct load_settings load;
    uint64_t threads; /* 0: one for each core that we may use */
    uint64_t repeat;
    uint64_t pid; /* of a local server, or 0 */
    uint64_t errors_allowed_percent;
    uint64_t letter_bytes;  /* of LMTP; 0: as people send them */
    struct letters letters; /* owned; the script only borrows them */
    char *password_line;    /* owned: what --password-file held */
    bool is_quiet;
    const char *target_url;
    const char *mix_text, *rate_text, *users_text, *password, *password_path, *auth_text;
    const char *arrivals_text, *sources_text, *proxy_text, *find_text, *profile_text;
    const struct profile *profile; /* or NULL */
    char profile_rate_text[32];    /* what `rate_text` points at where the profile gives the rate */
    const char *json_path, *report_path, *hdr_path, *label;
    /* --find: the highest rate at which this quantile is at most this long; 0: no search. */
    double find_quantile;
    uint64_t find_ns;
};

struct result {
    double rate;       /* the highest that was asked for; 0 in closed loop */
    double duration_s; /* that counts: without warming up */
    double ended_s;    /* when no session began any more, with warming up */
    double whole_s;    /* to the end of the last session that was under way, and with warming up */
    double generator_cpu_s;
    double server_cpu_s; /* of the same time; 0 where no server was watched */
    uint64_t server_memory_max_bytes;
    uint32_t threads;
    uint64_t begun_unix_s;
    bool was_interrupted;
    struct tally_total total;
    struct timeline timeline;
};

/* Reads the words of the command and checks them against each other. False after a sentence, or
 * with `out_help` after the help. In any case run_settings_fini comes in the end. */
bool run_settings_read(char *const *words, struct run_settings *out_settings, bool *out_help);
void run_settings_fini(struct run_settings *settings);

/* False with a sentence where an option was given that changes nothing here. `defaults` is what
 * there is when no option is given. */
bool run_settings_take_effect(const struct run_settings *settings,
                              const struct run_settings *defaults);

/* Makes one measurement. False with a sentence where it could not even begin. The caller frees the
 * result with result_fini. */
bool run_once(const struct run_settings *settings, struct result *out_result, char *out_error,
              size_t error_bytes);
void result_fini(struct result *result);

/* How long a second of the timeline was before no session began any more: the last one is mostly
 * shorter. What ended behind that has whole seconds again. */
double result_second_s(const struct result *result, const struct timeline_second *second);

/* Whether the server was wrong, more sessions failed than allowed, or none was measured. */
bool result_is_bad(const struct run_settings *settings, const struct result *result);

/* The command. Returns the exit status: 0; 1 where the result is bad; 2 for wrong words; 130 where
 * a person has ended it. */
int run_command(char *const *words);

#endif
