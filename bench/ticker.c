/* ticker: what a person sees while a measurement goes on. */
#include "bench/ticker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_CELLS     20
#define LINE_BYTES    320 /* each number at its longest */
#define COLUMNS_USUAL 80

static size_t columns(void);

void ticker_init(struct ticker *ticker, bool is_quiet, double length_s)
{
    *ticker = (struct ticker){
        .is_quiet = is_quiet, .is_terminal = isatty(STDERR_FILENO) == 1, .length_s = length_s};
}

void ticker_show(struct ticker *ticker, const struct timeline *timeline)
{
    const struct timeline_second *now = &timeline->seconds[timeline->count - 1];
    ticker->failed += now->failed;
    if (ticker->is_quiet)
        return;
    char p50[16], p99[16], bar[BAR_CELLS + 1];
    double share = timeline->count / ticker->length_s;
    int full = share < 1 ? (int)(share * BAR_CELLS) : BAR_CELLS;
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', (size_t)full);
    bar[BAR_CELLS] = '\0';
    char line[LINE_BYTES];
    size_t used = 0;
    if (ticker->is_terminal)
        used = (size_t)snprintf(line, sizeof line, "[%s] ", bar);
    used += (size_t)snprintf(line + used, sizeof line - used,
                             "%3u/%.0f s  %7" PRIu64 " sessions/s  errors %" PRIu64
                             "  p50 %s  p99 %s  open %" PRIu64 "  %.1f MB/s",
                             timeline->count, ticker->length_s, now->done, ticker->failed,
                             ticker_duration(now->p50_ns, p50, sizeof p50),
                             ticker_duration(now->p99_ns, p99, sizeof p99), now->open,
                             (double)now->received_bytes / 1e6);
    if (timeline->pid > 0)
        used += (size_t)snprintf(line + used, sizeof line - used, "  server %.0f %% %" PRIu64 " MB",
                                 now->server_cpu * 100, now->server_memory_bytes >> 20);
    if (ticker->is_terminal)
        fprintf(stderr, "\r\033[K%.*s", (int)(used < columns() ? used : columns()), line);
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
}

/* What is longer would begin another row, and only that one would be written over. */
static size_t columns(void)
{
    struct winsize size;
    bool is_known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return is_known ? size.ws_col - 1U : COLUMNS_USUAL - 1;
}

void ticker_end(struct ticker *ticker)
{
    if (!ticker->is_quiet && ticker->is_terminal)
        fputs("\r\033[K", stderr);
}

const char *ticker_duration(uint64_t ns, char *out_text, size_t text_bytes)
{
    static const struct {
        double from_ns, unit_ns;
        const char *name;
    } units[] = {{1e9, 1e9, "s"}, {1e6, 1e6, "ms"}, {0, 1e3, "us"}};
    size_t i = 0;
    while ((double)ns < units[i].from_ns)
        i++;
    double value = (double)ns / units[i].unit_ns;
    snprintf(out_text, text_bytes, "%.*f %s",
             value < 10    ? 2
             : value < 100 ? 1
                           : 0,
             value, units[i].name);
    return out_text;
}
