/* result_json: all that was measured, as JSON.
 *
 * The inside of the room result. Times are in microseconds, unless their name says otherwise.
 * Passwords are never written.
 */
#include "bench/result.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void write_settings(struct json *json, const struct run_settings *settings);
static void write_session(struct json *json, const struct run_settings *settings);
static void write_machine(struct json *json);
static void write_run(struct json *json, const struct run_settings *settings,
                      const struct result *result);
static void write_latency(struct json *json, const char *key, const struct histogram *histogram);
static void write_histogram(struct json *json, const struct histogram *histogram);
static void write_seconds(struct json *json, const struct result *result);

void result_write_json(FILE *file, const struct run_settings *settings,
                       const struct result *results, uint32_t count)
{
    struct json json = {.file = file};
    json_object(&json, NULL);
    json_count(&json, "ringbench", 1);
    json_text(&json, "version", RINGPOST_VERSION);
    json_text(&json, "label", settings->label != NULL ? settings->label : settings->target_url);
    write_settings(&json, settings);
    write_machine(&json);
    json_array(&json, "runs");
    for (uint32_t i = 0; i < count; i++)
        write_run(&json, settings, &results[i]);
    json_end_array(&json);
    json_end_object(&json);
    fputc('\n', file);
}

static void write_settings(struct json *json, const struct run_settings *settings)
{
    const struct load_settings *load = &settings->load;
    json_object(json, "settings");
    json_text(json, "target", settings->target_url);
    json_text(json, "users", settings->users_text);
    json_text(json, "mix", settings->mix_text);
    if (settings->profile != NULL)
        json_text(json, "profile", settings->profile->name);
    json_text(json, "loop", load->is_open_loop ? "open" : "closed");
    if (load->is_open_loop) {
        json_text(json, "rate", settings->rate_text);
        json_text(json, "arrivals", load->is_poisson ? "poisson" : "fixed");
    }
    if (settings->find_text != NULL)
        json_text(json, "find", settings->find_text);
    json_count(json, "connections", load->connections);
    json_real(json, "time_s", (double)load->length_ns / 1e9);
    json_real(json, "warmup_s", (double)load->warmup_ns / 1e9);
    json_real(json, "think_s", (double)load->think_ns / 1e9);
    json_real(json, "hold_s", (double)load->hold_ns / 1e9);
    json_real(json, "timeout_s", (double)load->timeout_ns / 1e9);
    write_session(json, settings);
    json_count(json, "seed", load->seed);
    json_end_object(json);
}

/* How each session goes. */
static void write_session(struct json *json, const struct run_settings *settings)
{
    const struct load_settings *load = &settings->load;
    json_text(json, "auth", settings->auth_text != NULL ? settings->auth_text : "user");
    json_bool(json, "pipelining", load->script.pipelining);
    json_bool(json, "tls", load->target.tls);
    json_bool(json, "stls", load->script.stls);
    json_bool(json, "tls12", load->tls.only_tls12);
    json_bool(json, "resume", load->tls.resumes);
    json_count(json, "commands", load->script.commands);
    json_count(json, "messages", load->script.messages);
    json_count(json, "slow_percent", load->slow_percent);
    if (load->slow_percent > 0)
        json_count(json, "read_rate", load->read_rate);
    if (settings->sources_text != NULL)
        json_text(json, "sources", settings->sources_text);
    if (settings->proxy_text != NULL)
        json_text(json, "proxy", settings->proxy_text);
}

static void write_machine(struct json *json)
{
    struct utsname name;
    char model[128] = "";
    json_object(json, "machine");
    if (uname(&name) == 0) {
        json_text(json, "kernel", name.release);
        json_text(json, "architecture", name.machine);
    }
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];
    while (file != NULL && model[0] == '\0' && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL)
            snprintf(model, sizeof model, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (file != NULL)
        fclose(file);
    json_text(json, "processor", model);
    json_count(json, "cores", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    json_end_object(json);
}

static void write_run(struct json *json, const struct run_settings *settings,
                      const struct result *result)
{
    const struct tally_total *total = &result->total;
    double seconds = result->duration_s > 0 ? result->duration_s : 1;
    json_object(json, NULL);
    json_count(json, "begun", result->begun_unix_s);
    json_real(json, "duration_s", result->duration_s);
    json_real(json, "whole_s", result->whole_s);
    json_bool(json, "interrupted", result->was_interrupted);
    json_bool(json, "bad", result_is_bad(settings, result));
    if (result->rate > 0)
        json_real(json, "rate", result->rate);
    json_count(json, "started", total->started);
    json_count(json, "sessions", total->done);
    json_count(json, "failed", total->failed);
    json_real(json, "sessions_per_s", total->done_in_time / seconds);
    json_count(json, "messages", total->messages);
    json_real(json, "messages_per_s", total->messages_in_time / seconds);
    json_count(json, "octets", total->octets);
    json_count(json, "received_bytes", total->received_bytes);
    json_count(json, "sent_bytes", total->sent_bytes);
    json_count(json, "handshakes", total->handshakes);
    json_count(json, "resumed", total->resumed);
    json_count(json, "threads", result->threads);
    json_real(json, "generator_cpu_s", result->generator_cpu_s);
    if (settings->pid > 0) {
        json_real(json, "server_cpu_s", result->server_cpu_s);
        json_count(json, "server_memory_max_bytes", result->server_memory_max_bytes);
        if (total->done_in_time > 0)
            json_real(json, "server_cpu_us_per_session",
                      result->server_cpu_s * 1e6 / total->done_in_time);
    }
    write_latency(json, "latency", &total->latency);
    json_object(json, "kinds");
    for (uint32_t i = 0; i < kind_count(); i++)
        if (total->kinds[i].count > 0)
            write_latency(json, kind_at(i)->name, &total->kinds[i]);
    json_end_object(json);
    json_object(json, "steps");
    for (uint32_t i = 0; i < STEPS; i++)
        if (total->steps[i].count > 0)
            write_latency(json, step_name((enum step)i), &total->steps[i]);
    json_end_object(json);
    json_array(json, "errors");
    for (uint32_t i = 0; i < FAULT_KINDS; i++) {
        if (total->faults[i] == 0)
            continue;
        json_object(json, NULL);
        json_text(json, "kind", fault_name((enum fault)i));
        json_count(json, "count", total->faults[i]);
        json_text(json, "example", total->examples[i]);
        json_bool(json, "wrong_server", fault_is_wrong_server((enum fault)i));
        json_end_object(json);
    }
    json_end_array(json);
    write_histogram(json, &total->latency);
    write_seconds(json, result);
    json_end_object(json);
}

static void write_latency(struct json *json, const char *key, const struct histogram *histogram)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"p9999", .9999}};
    json_object(json, key);
    json_count(json, "count", histogram->count);
    json_real(json, "mean", histogram_mean(histogram) / 1e3);
    json_real(json, "min", histogram->count > 0 ? (double)histogram->min / 1e3 : 0);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        json_real(json, quantiles[i].name,
                  (double)histogram_quantile(histogram, quantiles[i].share) / 1e3);
    json_real(json, "max", (double)histogram->max / 1e3);
    json_end_object(json);
}

/* Pairs of the highest latency of a bucket and how many there were. */
static void write_histogram(struct json *json, const struct histogram *histogram)
{
    json_array(json, "histogram");
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->buckets[i] == 0)
            continue;
        json_array(json, NULL);
        json_real(json, NULL, (double)histogram_bucket_highest(i) / 1e3);
        json_count(json, NULL, histogram->buckets[i]);
        json_end_array(json);
    }
    json_end_array(json);
}

static void write_seconds(struct json *json, const struct result *result)
{
    const struct timeline *timeline = &result->timeline;
    json_array(json, "heat_rows");
    for (uint32_t i = 0; i < TIMELINE_ROWS; i++)
        json_real(json, NULL, timeline_row_lowest_ns(i) / 1e3);
    json_end_array(json);
    json_array(json, "seconds");
    for (uint32_t i = 0; i < timeline->count; i++) {
        const struct timeline_second *second = &timeline->seconds[i];
        json_object(json, NULL);
        json_real(json, "length_s", result_second_s(result, second));
        json_count(json, "started", second->started);
        json_count(json, "done", second->done);
        json_count(json, "failed", second->failed);
        json_count(json, "open", second->open);
        json_count(json, "messages", second->messages);
        json_count(json, "received", second->received_bytes);
        json_real(json, "p50", (double)second->p50_ns / 1e3);
        json_real(json, "p90", (double)second->p90_ns / 1e3);
        json_real(json, "p99", (double)second->p99_ns / 1e3);
        json_real(json, "p999", (double)second->p999_ns / 1e3);
        json_real(json, "max", (double)second->max_ns / 1e3);
        json_real(json, "own_cpu", second->own_cpu);
        if (timeline->pid > 0) {
            json_real(json, "server_cpu", second->server_cpu);
            json_count(json, "server_memory", second->server_memory_bytes);
        }
        json_array(json, "heat");
        for (uint32_t row = 0; row < TIMELINE_ROWS; row++) {
            if (second->heat[row] == 0)
                continue;
            json_array(json, NULL);
            json_count(json, NULL, row);
            json_count(json, NULL, second->heat[row]);
            json_end_array(json);
        }
        json_end_array(json);
        json_end_object(json);
    }
    json_end_array(json);
}
