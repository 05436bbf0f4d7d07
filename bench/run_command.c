/* run_command: ringbench run, from the words to the exit status.
 *
 * The inside of the room run: repeats, searches, and writes what was asked for.
 */
#include "bench/option.h"
#include "bench/output.h"
#include "bench/report.h"
#include "bench/result.h"
#include "bench/search.h"
#include "bench/ticker.h"

#include "proto/must.h"

#include <stdlib.h>

/* The exit status after SIGINT, as a shell has it: what stands behind "&&" does not go on. */
#define RUN_INTERRUPTED 130

static uint32_t measure(struct run_settings *settings, struct result *results, uint32_t room);
static bool find(struct run_settings *settings, struct result *results, uint32_t room,
                 uint32_t *out_count);
static bool was_kept(const struct run_settings *settings, const struct result *result);
static int decimals_of(double rate);
static void print_step(FILE *text, const struct run_settings *settings, const struct result *result,
                       double rate, bool was_kept);
static bool write_files(const struct run_settings *settings, const struct result *results,
                        uint32_t count);
static FILE *text_of(const struct run_settings *settings);

int run_command(char *const *words)
{
    struct run_settings settings;
    bool help;
    if (!run_settings_read(words, &settings, &help)) {
        run_settings_fini(&settings);
        return help ? 0 : 2;
    }
    uint32_t room = settings.find_ns > 0 ? SEARCH_STEPS_MAX + 1 : (uint32_t)settings.repeat;
    struct result *results = calloc(room, sizeof *results);
    must(results != NULL);
    bool good = true;
    uint32_t count = 0;
    if (settings.find_ns > 0) {
        good = find(&settings, results, room, &count);
    } else {
        count = measure(&settings, results, room);
        for (uint32_t i = 0; i < count; i++)
            good = good && !result_is_bad(&settings, &results[i]);
    }
    bool was_interrupted = count > 0 && results[count - 1].was_interrupted;
    bool written = count > 0 && write_files(&settings, results, count);
    for (uint32_t i = 0; i < count; i++)
        result_fini(&results[i]);
    free(results);
    run_settings_fini(&settings);
    if (was_interrupted && good && written)
        return RUN_INTERRUPTED;
    return good && written ? 0 : 1;
}

static uint32_t measure(struct run_settings *settings, struct result *results, uint32_t room)
{
    char error[512];
    for (uint32_t i = 0; i < room; i++) {
        if (!run_once(settings, &results[i], error, sizeof error)) {
            option_complain("%s", error);
            result_fini(&results[i]);
            return i;
        }
        result_print(text_of(settings), settings, &results[i]);
        fflush(stdout);
        if (results[i].was_interrupted)
            return i + 1;
    }
    return room;
}

/* Each rate is a measurement of its own. */
static bool find(struct run_settings *settings, struct result *results, uint32_t room,
                 uint32_t *out_count)
{
    struct search search;
    search_init(&search, settings->load.rate.points[0]);
    bool goes_on = true, is_wrong = false;
    char error[512], latency[16];
    FILE *text = text_of(settings);
    *out_count = 0;
    while (goes_on && *out_count < room) {
        struct result *result = &results[*out_count];
        settings->load.rate = (struct rate){.points = {search.rate}, .count = 1};
        if (!run_once(settings, result, error, sizeof error)) {
            result_fini(result);
            return option_complain("%s", error);
        }
        (*out_count)++;
        for (uint32_t i = 0; i < FAULT_KINDS; i++)
            is_wrong =
                is_wrong || (result->total.faults[i] > 0 && fault_is_wrong_server((enum fault)i));
        bool kept = was_kept(settings, result);
        print_step(text, settings, result, search.rate, kept);
        /* A server that has never done anything for anybody is not too slow. */
        bool is_dead = result->total.done == 0 && search.good == 0;
        if (is_wrong || result->was_interrupted || is_dead) {
            result_print(text, settings, result);
            break;
        }
        goes_on = search_goes_on(&search, kept);
    }
    const char *target = ticker_duration(settings->find_ns, latency, sizeof latency);
    if (search.good > 0)
        fprintf(text, "highest rate with p%g <= %s: %.*f sessions/s%s\n",
                settings->find_quantile * 100, target, decimals_of(search.good), search.good,
                goes_on ? ", but the search was not ended" : "");
    else
        fprintf(text, "no rate was found with p%g <= %s\n", settings->find_quantile * 100, target);
    bool was_interrupted = *out_count > 0 && results[*out_count - 1].was_interrupted;
    return !is_wrong && (was_interrupted || (search.good > 0 && !goes_on));
}

/* A search may halve its rate below one a second. */
static int decimals_of(double rate)
{
    return rate < 10 ? 3 : 1;
}

static void print_step(FILE *text, const struct run_settings *settings, const struct result *result,
                       double rate, bool was_kept)
{
    char latency[16] = "-";
    const struct tally_total *total = &result->total;
    if (total->done > 0)
        ticker_duration(histogram_quantile(&total->latency, settings->find_quantile), latency,
                        sizeof latency);
    fprintf(text, "rate %10.*f/s  p%g %9s  %s", decimals_of(rate), rate,
            settings->find_quantile * 100, latency,
            result->was_interrupted ? "interrupted"
            : was_kept              ? "kept"
                                    : "too high");
    if (total->failed > 0)
        fprintf(text, "; %llu of %llu failed", (unsigned long long)total->failed,
                (unsigned long long)(total->failed + total->done));
    fputc('\n', text);
    fflush(text);
}

/* The target is kept where the quantile is, nothing failed, and what was due was really done. */
static bool was_kept(const struct run_settings *settings, const struct result *result)
{
    return !result_is_bad(settings, result) && result->total.done > 0 &&
           histogram_quantile(&result->total.latency, settings->find_quantile) <= settings->find_ns;
}

static bool write_files(const struct run_settings *settings, const struct result *results,
                        uint32_t count)
{
    bool good = true;
    if (settings->json_path != NULL) {
        FILE *file = output_open(settings->json_path);
        if (file != NULL)
            result_write_json(file, settings, results, count);
        good = file != NULL && output_close(file, settings->json_path);
    }
    if (settings->hdr_path != NULL) {
        FILE *file = output_open(settings->hdr_path);
        if (file != NULL)
            result_write_hdr(file, settings, results, count);
        good = file != NULL && output_close(file, settings->hdr_path) && good;
    }
    if (settings->report_path != NULL)
        good = report_write(settings->report_path, settings, results, count) && good;
    return good;
}

/* Where people read; a file that goes to standard output is not mixed with it. */
static FILE *text_of(const struct run_settings *settings)
{
    const char *const paths[] = {settings->json_path, settings->hdr_path, settings->report_path};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (paths[i] != NULL && output_is_stdout(paths[i]))
            return stderr;
    return stdout;
}
