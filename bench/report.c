/* report: a page with plots, for whoever would rather look than read. */
#include "bench/report.h"

#include "bench/option.h"
#include "bench/output.h"

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

struct report_settings {
    const char *output;
};

static const struct option options[] = {
    {"--output", "FILE", OPTION_TEXT, offsetof(struct report_settings, output),
     .help = "the page (report.html)"},
    {.name = NULL},
};

/* A file's text, as it goes into the page. */
struct measurements {
    char *text;
    size_t bytes;
};

static bool draw(const char *output, const struct measurements *files, size_t count);
static const char *begin_page(FILE *file);
static void end_page(FILE *file, const char *rest);
static bool read_measurements(const char *path, struct measurements *out_file);

bool report_write(const char *path, const struct run_settings *settings,
                  const struct result *results, uint32_t count)
{
    FILE *file = output_open(path);
    if (file == NULL)
        return false;
    const char *rest = begin_page(file);
    fputc('[', file);
    result_write_json(file, settings, results, count);
    fputc(']', file);
    end_page(file, rest);
    return output_close(file, path);
}

int report_command(char *const *words)
{
    struct report_settings settings = {.output = "report.html"};
    const char *paths[REPORT_FILES_MAX + 1];
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
    /* All are read before a page that may be there already is given up for them. */
    struct measurements files[REPORT_FILES_MAX];
    size_t count = 0;
    bool good = true;
    for (; good && paths[count] != NULL; count += good)
        good = read_measurements(paths[count], &files[count]);
    good = good && draw(settings.output, files, count);
    for (size_t i = 0; i < count; i++)
        free(files[i].text);
    return good ? 0 : 1;
}

static bool draw(const char *output, const struct measurements *files, size_t count)
{
    FILE *file = output_open(output);
    if (file == NULL)
        return false;
    const char *rest = begin_page(file);
    for (size_t i = 0; i < count; i++) {
        fputc(i == 0 ? '[' : ',', file);
        fwrite(files[i].text, 1, files[i].bytes, file);
    }
    fputc(']', file);
    end_page(file, rest);
    return output_close(file, output);
}

/* Writes the page up to the place of the measurements; returns what comes behind it. */
static const char *begin_page(FILE *file)
{
    const char *place = strstr(report_page_begin, PLACE);
    fwrite(report_page_begin, 1, (size_t)(place - report_page_begin), file);
    return place + strlen(PLACE);
}

static void end_page(FILE *file, const char *rest)
{
    fwrite(rest, 1, (size_t)(report_page_end - rest), file);
}

/* Only what is one of our files goes into a page: its text becomes part of a script. */
static bool read_measurements(const char *path, struct measurements *out_file)
{
    struct json_value *value = result_read(path, &out_file->text, &out_file->bytes);
    bool good = value != NULL && memchr(out_file->text, '<', out_file->bytes) == NULL;
    if (value != NULL && !good) {
        option_complain("%s was not written by ringbench run --json: it has a \"<\"", path);
        free(out_file->text);
    }
    json_free(&value);
    return good;
}
