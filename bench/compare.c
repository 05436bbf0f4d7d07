/* compare: ringbench compare, which says whether B is worse than A, and how sure that is.
 *
 * Reads two files of ringbench run --json; each measurement in a file is one value of a metric.
 * Their logarithms are compared, for what is asked is a ratio. With two or more on both sides a
 * difference is one where all of its 95 % interval lies beyond the tolerance, and none where all of
 * it lies within; in between nobody can tell, and a mean that looks worse is not passed over. With
 * one measurement the plain ratio has to do, and the text says so.
 */
#include "bench/command.h"

#include "bench/option.h"
#include "bench/result.h"
#include "bench/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX REPEAT_MAX

struct compare_settings {
    uint64_t tolerance_percent;
};

static const struct option options[] = {
    {"--tolerance", "PERCENT", OPTION_COUNT, offsetof(struct compare_settings, tolerance_percent),
     .help = "a difference below this is none (5)", .least = 0, .most = 1000},
    {.name = NULL},
};

static const struct metric {
    const char *name, *object, *key;
    double unit;
    bool more_is_better;
} metrics[] = {
    {"sessions/s", NULL, "sessions_per_s", 1, true},
    {"messages/s", NULL, "messages_per_s", 1, true},
    {"p50 ms", "latency", "p50", 1e3, false},
    {"p99 ms", "latency", "p99", 1e3, false},
    {"p99.9 ms", "latency", "p999", 1e3, false},
    {"server us/session", NULL, "server_cpu_us_per_session", 1, false},
    {"server MB", NULL, "server_memory_max_bytes", 1e6, false},
};

static struct json_value *load(const char *path);
static uint32_t values_of(const struct json_value *file, const struct metric *metric,
                          double out_values[RUNS_MAX]);
static bool is_bad(const struct json_value *file, const char *path);
static void warn_of_settings(const struct json_value *a, const struct json_value *b);
static bool is_search(const struct json_value *file, const char *path);
static bool compare(const struct metric *metric, const struct json_value *a,
                    const struct json_value *b, double tolerance);

int compare_command(char *const *words)
{
    struct compare_settings settings = {.tolerance_percent = 5};
    const char *paths[3];
    bool help;
    if (!option_read("compare", words, options, &settings, paths, 2, &help))
        return 2;
    if (help) {
        printf("ringbench compare A.json B.json [--tolerance PERCENT]\n\n"
               "Compares measurements of ringbench run --json; --repeat 5 gives intervals.\n"
               "Exit status: 0; 1 where B is worse than A, or perhaps, or has failed; 2 for wrong\n"
               "words.\n\n");
        option_print(options);
        return 0;
    }
    if (paths[0] == NULL || paths[1] == NULL) {
        option_complain("compare needs two files; make them with ringbench run ... --json FILE");
        return 2;
    }
    struct json_value *a = load(paths[0]);
    struct json_value *b = a != NULL ? load(paths[1]) : NULL;
    int status = 2;
    if (b != NULL && !is_search(a, paths[0]) && !is_search(b, paths[1])) {
        bool worse = is_bad(b, paths[1]) || is_bad(a, paths[0]);
        warn_of_settings(a, b);
        printf("%-18s %12s %12s %9s  %s\n", "", "A", "B", "change", "95 % interval");
        for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
            worse |= compare(&metrics[i], a, b, (double)settings.tolerance_percent / 100);
        status = worse ? 1 : 0;
    }
    json_free(&a);
    json_free(&b);
    return status;
}

static struct json_value *load(const char *path)
{
    char *text;
    size_t bytes;
    struct json_value *value = result_read(path, &text, &bytes);
    free(text);
    return value;
}

static uint32_t values_of(const struct json_value *file, const struct metric *metric,
                          double out_values[RUNS_MAX])
{
    uint32_t count = 0;
    const struct json_value *run = json_member(file, "runs")->first;
    for (; run != NULL && count < RUNS_MAX; run = run->next) {
        const struct json_value *from =
            metric->object != NULL ? json_member(run, metric->object) : run;
        double value = json_member_number(from, metric->key, -1);
        if (value > 0)
            out_values[count++] = log(value / metric->unit);
    }
    return count;
}

/* A measurement with failures beyond what was allowed, or without a session, is none. */
static bool is_bad(const struct json_value *file, const char *path)
{
    const struct json_value *run = json_member(file, "runs")->first;
    for (; run != NULL; run = run->next) {
        const struct json_value *bad = json_member(run, "bad");
        if (bad == NULL || bad->type != JSON_BOOL || bad->boolean ||
            json_member_number(run, "sessions", 0) == 0) {
            printf("%s holds a measurement that failed, or has no session\n", path);
            return true;
        }
    }
    return false;
}

/* Whether B is worse, or looks so and nobody can tell. */
static bool compare(const struct metric *metric, const struct json_value *a,
                    const struct json_value *b, double tolerance)
{
    static double values_a[RUNS_MAX], values_b[RUNS_MAX]; /* too large for a careful stack */
    uint32_t count_a = values_of(a, metric, values_a), count_b = values_of(b, metric, values_b);
    if (count_a == 0 || count_b == 0)
        return false;
    struct difference found = statistics_compare(values_a, count_a, values_b, count_b);
    double share = expm1(found.mean_b - found.mean_a);
    double low = expm1(found.low), high = expm1(found.high);
    /* From here on, more is worse. */
    double sign = metric->more_is_better ? -1 : 1;
    double least = metric->more_is_better ? -high : low;
    double most = metric->more_is_better ? -low : high;
    const char *verdict = least > tolerance          ? "WORSE"
                          : most < -tolerance        ? "better"
                          : sign * share > tolerance ? "perhaps WORSE: repeat more often"
                          : least >= -tolerance && most <= tolerance ? "same"
                                                                     : "unclear";
    printf("%-18s %12.3f %12.3f %+8.1f%%  ", metric->name, exp(found.mean_a), exp(found.mean_b),
           share * 100);
    if (found.has_interval)
        printf("%+.1f%% .. %+.1f%%", low * 100, high * 100);
    else
        printf("none: --repeat gives one");
    printf("  %s\n", verdict);
    return sign * share > tolerance; /* "WORSE" is that, too */
}

/* A search measures another rate each time: its steps are no repeats. */
static bool is_search(const struct json_value *file, const char *path)
{
    if (json_member(json_member(file, "settings"), "find") == NULL)
        return false;
    option_complain("%s holds the steps of a search (--find), and no repeated measurement", path);
    return true;
}

/* What was asked for differs: then so may the figures, and the server is not why. */
static void warn_of_settings(const struct json_value *a, const struct json_value *b)
{
    const struct json_value *both[] = {json_member(a, "settings"), json_member(b, "settings")};
    const char *between = "The loads differ, and so may the figures: ";
    for (int i = 0; i < 2; i++) {
        const struct json_value *one = both[i] != NULL ? both[i]->first : NULL;
        for (; one != NULL; one = one->next) {
            const struct json_value *other = json_member(both[1 - i], one->key);
            /* Where it was measured is what is compared; what both have is said once. */
            if (strcmp(one->key, "target") == 0 || (i == 1 && other != NULL) ||
                json_equal(one, other))
                continue;
            printf("%s%s", between, one->key);
            between = ", ";
        }
    }
    if (between[0] == ',')
        printf("\n");
}
