/* result_text: the summary of a measurement, for people.
 *
 * The inside of the room result.
 */
#include "bench/result.h"
#include "bench/ticker.h"

#include <inttypes.h>
#include <string.h>

static void print_latency(FILE *file, const char *name, uint64_t count,
                          const struct histogram *histogram);
static void print_faults(FILE *file, const struct tally_total *total);

void result_print(FILE *file, const struct run_settings *settings, const struct result *result)
{
    const struct tally_total *total = &result->total;
    double seconds = result->duration_s > 0 ? result->duration_s : 1;
    double done = total->done_in_time;
    fprintf(file, "%s  %s  %s%s, %.1f s%s\n", settings->target_url, settings->mix_text,
            result->rate > 0 ? "open loop, rate " : "closed loop",
            result->rate > 0 ? settings->rate_text : "", result->duration_s,
            result->was_interrupted ? ", interrupted" : "");
    fprintf(file, "sessions   %" PRIu64 " done, %" PRIu64 " failed, %.1f/s\n", total->done,
            total->failed, done / seconds);
    fprintf(file, "messages   %" PRIu64 ", %.1f/s, %.2f MB/s\n", total->messages,
            total->messages_in_time / seconds, total->octets_in_time / seconds / 1e6);
    if (total->handshakes > 0)
        fprintf(file, "TLS        %" PRIu64 " handshakes, %" PRIu64 " resumed\n", total->handshakes,
                total->resumed);
    fprintf(file, "%-16s %10s %9s %9s %9s %9s %9s\n", "latency", "count", "p50", "p90", "p99",
            "p99.9", "max");
    print_latency(file, "session", total->latency.count, &total->latency);
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < kind_count(); i++)
        kinds += total->kinds[i].count > 0;
    for (uint32_t i = 0; i < kind_count() && kinds > 1; i++)
        print_latency(file, kind_at(i)->name, total->kinds[i].count, &total->kinds[i]);
    for (uint32_t i = 0; i < STEPS; i++)
        print_latency(file, step_name((enum step)i), total->steps[i].count, &total->steps[i]);
    fprintf(file, "generator  %.2f s of CPU on %u threads, %.1f us a session\n",
            result->generator_cpu_s, result->threads,
            done > 0 ? result->generator_cpu_s * 1e6 / done : 0);
    if (settings->pid > 0)
        fprintf(file, "server     %.2f s of CPU, %.1f us a session, at most %" PRIu64 " MB\n",
                result->server_cpu_s, done > 0 ? result->server_cpu_s * 1e6 / done : 0,
                result->server_memory_max_bytes >> 20);
    print_faults(file, total);
}

static void print_latency(FILE *file, const char *name, uint64_t count,
                          const struct histogram *histogram)
{
    static const double shares[] = {0.5, 0.9, 0.99, 0.999, 1};
    if (count == 0)
        return;
    fprintf(file, "  %-14s %10" PRIu64, name, count);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        char text[16];
        fprintf(file, " %9s",
                ticker_duration(histogram_quantile(histogram, shares[i]), text, sizeof text));
    }
    fputc('\n', file);
}

static void print_faults(FILE *file, const struct tally_total *total)
{
    bool any = false, is_wrong = false;
    for (uint32_t i = 0; i < FAULT_KINDS; i++) {
        if (total->faults[i] == 0)
            continue;
        enum fault fault = (enum fault)i;
        fprintf(file, "%s %" PRIu64 " %s: %s; the first: %s\n", any ? "          " : "errors    ",
                total->faults[i], fault_name(fault), fault_meaning(fault), total->examples[i]);
        any = true;
        is_wrong = is_wrong || fault_is_wrong_server(fault);
    }
    if (!any)
        fprintf(file, "errors     none\n");
    if (!any && total->done == 0)
        fprintf(file, "NOTHING WAS MEASURED: no session has ended; take a longer --time.\n");
    if (is_wrong)
        fprintf(file, "THE SERVER IS WRONG: these figures mean nothing.\n");
}
