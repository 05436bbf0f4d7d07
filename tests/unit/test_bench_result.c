/* test_bench_result: letters, JSON, statistics and HdrHistogram logs. */
#include "bench/content.h"
#include "bench/json.h"
#include "bench/result.h"
#include "bench/specimen.h"
#include "bench/statistics.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(bench_result);

static char error[256];

Test(bench_result, a_letter_is_the_same_for_the_same_seed_and_whole)
{
    struct specimen one, two;
    specimen_init(&one);
    specimen_init(&two);
    static const size_t sizes[] = {1, 700, 5000, 19999, 30000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        specimen_make(&one, 5, i, sizes[i], SPAN_LITERAL("user@example.org"));
        specimen_make(&two, 5, i, sizes[i], SPAN_LITERAL("user@example.org"));
        cr_assert_eq(one.count, two.count);
        cr_assert_arr_eq(one.bytes, two.bytes, one.count);
        double wanted = sizes[i] < SPECIMEN_BYTES_MIN ? SPECIMEN_BYTES_MIN : (double)sizes[i];
        cr_assert_float_eq((double)one.count, wanted, 250, "%zu", sizes[i]);
        specimen_make(&two, 6, i, sizes[i], SPAN_LITERAL("user@example.org"));
        cr_assert(one.count != two.count || memcmp(one.bytes, two.bytes, one.count) != 0);
        for (size_t at = 0; at < one.count; at++)
            cr_assert(one.bytes[at] != '\n' || (at > 0 && one.bytes[at - 1] == '\r'));
        struct span wire = specimen_wire(&one);
        struct content content;
        content_init(&content);
        for (size_t at = 0; at < wire.length; at += 999)
            content_take(&content, (struct span){wire.bytes + at,
                                                 wire.length - at < 999 ? wire.length - at : 999});
        cr_assert(content.is_marked && content_is_good(&content));
        ((char *)(uintptr_t)wire.bytes)[wire.length - 6] ^= 1;
        content_init(&content);
        content_take(&content, wire);
        cr_assert_not(content_is_good(&content));
        free((char *)(uintptr_t)wire.bytes);
    }
    specimen_fini(&one);
    specimen_fini(&two);
}

Test(bench_result, mailboxes_are_as_large_as_published)
{
    enum { DRAWN = 100000 };
    struct random random = {3};
    uint32_t empty = 0, below_median = 0, above_p90 = 0, above_p99 = 0;
    for (uint32_t i = 0; i < DRAWN; i++) {
        uint64_t bytes = specimen_mailbox_size_draw(&random);
        empty += bytes == 0;
        below_median += bytes < 9000;
        above_p90 += bytes > 1100000;
        above_p99 += bytes > 12000000;
        cr_assert_leq(bytes, 100000000);
    }
    cr_assert_float_eq(empty / (double)DRAWN, 0.28, 0.01);
    cr_assert_float_eq(below_median / (double)DRAWN, 0.5, 0.01);
    cr_assert_float_eq(above_p90 / (double)DRAWN, 0.1, 0.005);
    cr_assert_float_eq(above_p99 / (double)DRAWN, 0.01, 0.002);
}

static struct json_value *read_json(const char *text)
{
    return json_read((struct span){text, strlen(text)}, error, sizeof error);
}

Test(bench_result, json_comes_back_as_it_was_written)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    struct json json = {.file = file};
    json_object(&json, NULL);
    json_text(&json, "quote\"d", "a\\b\n</script>\x01\xff");
    json_text(&json, "utf-8", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x93\xAC");
    json_text(&json, "none", "\xC0\x80\xC3(\xED\xA0\x80\xF4\x90\x80\x80\xE2\x82");
    json_array(&json, "list");
    json_count(&json, NULL, UINT64_MAX);
    json_real(&json, NULL, -1.5);
    json_real(&json, NULL, NAN);
    json_bool(&json, NULL, true);
    json_object(&json, NULL);
    json_end_object(&json);
    json_end_array(&json);
    json_end_object(&json);
    fclose(file);
    cr_assert_str_eq(text, "{\"quote\\\"d\":\"a\\\\b\\u000a\\u003c/script>\\u0001\\ufffd\","
                           "\"utf-8\":\"\\u00e4\\u20ac\\ud83d\\udcec\",\"none\":\""
                           "\\ufffd\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"
                           "\\ufffd\\ufffd\\ufffd\","
                           "\"list\":[18446744073709551615,-1.5,null,true,{}]}");
    struct json_value *value = read_json(text);
    cr_assert_not_null(value, "%s", error);
    cr_assert_str_eq(json_member(value, "quote\"d")->text, "a\\b\n</script>\x01?");
    const struct json_value *item = json_member(value, "list")->first;
    cr_assert_eq(item->type, JSON_NUMBER);
    cr_assert_eq(item->next->number, -1.5);
    cr_assert_eq(item->next->next->type, JSON_NULL);
    cr_assert(item->next->next->next->boolean);
    cr_assert_null(json_member(value, "other"));
    cr_assert_eq(json_member_number(value, "other", 7), 7);
    json_free(&value);
    free(text);
}

Test(bench_result, what_is_no_json)
{
    static const char *const bad[] = {
        "",        "{",       "}",      "[1,]",     "[1 2]",  "{\"a\"}", "{a:1}", "\"a",
        "\"\\x\"", "\"\\u00", "tru",    "1 2",      "+1",     ".5",      "[1}",   "\"a\nb\"",
        "nul",     "[,1]",    "{\"\":", "{\"a\":}", "\"\\\"", "1e",      "--1",   "[[[[",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_null(read_json(bad[i]), "%s", bad[i]);
    cr_assert_null(read_json("[1,\n2,\nx]"));
    cr_assert_str_eq(error, "line 3, octet 8 of the file is no JSON");
}

Test(bench_result, json_is_read_to_a_bounded_depth)
{
    char text[2 * JSON_DEPTH_MAX + 3] = "";
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    struct json_value *value = read_json(text);
    cr_assert_not_null(value);
    json_free(&value);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    cr_assert_null(read_json(text));
}

/* The interval worked out by hand: 27.88 degrees of freedom, 2.049 times 0.992. */
Test(bench_result, welch)
{
    static const double a[] = {27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1,
                               21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4};
    static const double b[] = {27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0,
                               24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.0};
    struct difference found = statistics_compare(a, 15, b, 15);
    cr_assert_float_eq(found.mean_a, 20.82, 0.01);
    cr_assert_float_eq(found.mean_b, 23.627, 0.01);
    cr_assert_float_eq((found.high + found.low) / 2, 2.807, 0.01);
    cr_assert(found.has_interval);
    cr_assert_float_eq(found.low, 0.774, 0.01, "%g", found.low);
    cr_assert_float_eq(found.high, 4.839, 0.01, "%g", found.high);
    found = statistics_compare(a, 1, b, 15);
    cr_assert_not(found.has_interval);
    cr_assert_float_eq(found.low, found.high, 1e-9);
    static const double same[] = {5, 5, 5};
    found = statistics_compare(same, 3, same, 3);
    cr_assert_eq(found.low, 0);
    cr_assert_eq(found.high, 0);
}

Test(bench_result, student)
{
    cr_assert_float_eq(statistics_student(1), 12.706, 0.001);
    cr_assert_float_eq(statistics_student(4), 2.776, 0.001);
    cr_assert_float_eq(statistics_student(15), 2.131, 0.005);
    cr_assert_float_eq(statistics_student(30), 2.042, 0.003);
    cr_assert_float_eq(statistics_student(1e9), 1.960, 0.001);
}

/* As the tools of HdrHistogram begin to read it; the whole is read back by the system test. */
Test(bench_result, hdr_log)
{
    static struct tally_second second;
    struct result results[2] = {{.begun_unix_s = 1700000000, .ended_s = 2.5},
                                {.begun_unix_s = 1700000010, .ended_s = 3}};
    struct run_settings settings = {.load.warmup_ns = 1};
    char *text = NULL;
    size_t bytes = 0;
    histogram_init(&second.latency);
    histogram_record(&second.latency, 1000000);
    for (int i = 0; i < 2; i++) {
        timeline_init(&results[i].timeline, 0);
        second.second = 0;
        timeline_add(&results[i].timeline, &second, 1);
        second.second = 2;
        timeline_add(&results[i].timeline, &second, 3);
    }
    FILE *file = open_memstream(&text, &bytes);
    result_write_hdr(file, &settings, results, 1);
    fclose(file);
    cr_assert_not_null(strstr(text, "#[Histogram log format version 1.3]\n"));
    cr_assert_not_null(strstr(text, "\nTag=warmup,0.000,1.000,1.000,HISTFAAA"), "%s", text);
    cr_assert_not_null(strstr(text, "\n2.000,0.500,1.000,HISTFAAA"), "half a second: %s", text);
    free(text);
    file = open_memstream(&text, &bytes);
    result_write_hdr(file, &settings, results, 2);
    fclose(file);
    cr_assert_not_null(strstr(text, "\nTag=run1,2.000,0.500,"), "%s", text);
    cr_assert_not_null(strstr(text, "\nTag=warmup,10.000,1.000,"), "%s", text);
    cr_assert_not_null(strstr(text, "\nTag=run2,12.000,1.000,"), "%s", text);
    free(text);
    result_fini(&results[0]);
    result_fini(&results[1]);
}
