/* report: a page with plots, for whoever would rather look than read. */
#include "bench/report.h"

#include "bench/option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The page as it lies in the tree; the Makefile says that this object depends on it. */
__asm__(".section .rodata\n"
        ".global report_page_begin, report_page_end\n"
        "report_page_begin:\n"
        ".incbin \"bench/report.html\"\n"
        "report_page_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const char report_page_begin[], report_page_end[];

/* Where the measurements go: the script reads an array of them from here. */
#define PLACE "/*MEASUREMENTS*/"

#define REPORT_FILES_MAX 16
#define FILE_BYTES_MAX   (256U << 20)

struct report_settings {
    const char *output;
};

static const struct option options[] = {
    {"--output", "FILE", OPTION_TEXT, offsetof(struct report_settings, output),
     "the page (report.html)"},
    {NULL, NULL, OPTION_FLAG, 0, NULL},
};

static const char *begin_page(FILE *file);
static bool end_page(FILE *file, const char *rest, const char *path, char *out_error,
                     size_t error_bytes);
static bool copy_json(FILE *to, const char *path);

bool report_write(const char *path, const struct run_settings *settings,
                  const struct result *results, uint32_t count, char *out_error, size_t error_bytes)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        snprintf(out_error, error_bytes, "cannot write %s: %s", path, strerror(errno));
        return false;
    }
    const char *rest = begin_page(file);
    fputc('[', file);
    result_write_json(file, settings, results, count);
    fputc(']', file);
    return end_page(file, rest, path, out_error, error_bytes);
}

int report_command(char *const *words)
{
    struct report_settings settings = {.output = "report.html"};
    const char *paths[REPORT_FILES_MAX + 1];
    char error[512];
    bool help;
    if (!option_read("report", words, options, &settings, paths, REPORT_FILES_MAX, &help))
        return 2;
    if (help) {
        printf("ringbench report A.json [B.json]... [--output FILE]\n\n"
               "Draws the measurements of ringbench run --json, several side by side.\n\n");
        option_print(options);
        return 0;
    }
    if (paths[0] == NULL) {
        option_complain("report needs a file; make one with ringbench run ... --json FILE");
        return 2;
    }
    FILE *file = fopen(settings.output, "we");
    if (file == NULL) {
        option_complain("cannot write %s: %s", settings.output, strerror(errno));
        return 1;
    }
    const char *rest = begin_page(file);
    bool good = true;
    for (size_t i = 0; paths[i] != NULL && good; i++) {
        fputc(i == 0 ? '[' : ',', file);
        good = copy_json(file, paths[i]);
    }
    fputc(']', file);
    if (!end_page(file, rest, settings.output, error, sizeof error))
        good = option_complain("%s", error);
    if (!good)
        (void)remove(settings.output);
    return good ? 0 : 1;
}

/* Writes the page up to the place of the measurements; returns what comes behind it. */
static const char *begin_page(FILE *file)
{
    const char *place = strstr(report_page_begin, PLACE);
    fwrite(report_page_begin, 1, (size_t)(place - report_page_begin), file);
    return place + strlen(PLACE);
}

static bool end_page(FILE *file, const char *rest, const char *path, char *out_error,
                     size_t error_bytes)
{
    fwrite(rest, 1, (size_t)(report_page_end - rest), file);
    bool good = !ferror(file);
    good = fclose(file) == 0 && good;
    if (!good)
        snprintf(out_error, error_bytes, "cannot write %s: %s", path, strerror(errno));
    return good;
}

/* Only what is one of our files goes into a page: its text becomes part of a script. */
static bool copy_json(FILE *to, const char *path)
{
    char error[256];
    size_t bytes;
    char *text = json_load(path, FILE_BYTES_MAX, &bytes, error, sizeof error);
    if (text == NULL)
        return option_complain("%s", error);
    struct json_value *value = json_read((struct span){text, bytes}, error, sizeof error);
    bool good = value != NULL && json_member_number(value, "ringbench", 0) == 1 &&
                memchr(text, '<', bytes) == NULL;
    if (good)
        fwrite(text, 1, bytes, to);
    else
        option_complain("%s is no file of ringbench run --json%s%s", path,
                        value == NULL ? ": " : "", value == NULL ? error : "");
    json_free(&value);
    free(text);
    return good;
}
