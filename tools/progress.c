/* progress: draws one line on a terminal; see progress.h.
 *
 * It reads the steady clock, writes to stderr, and does nothing else.
 */
#include "tools/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_MS 100
#define PLAIN_MS  30000
#define BAR_CELLS 24

static uint64_t now_ms(void);
static void draw(struct progress *progress, uint64_t items, uint64_t bytes, uint64_t done);

void progress_begin(struct progress *progress, const char *noun, uint64_t total)
{
    *progress = (struct progress){
        .enabled = isatty(STDERR_FILENO) == 1,
        .noun = noun,
        .total = total,
        .start_ms = now_ms(),
    };
    progress->drawn_ms = progress->start_ms;
}

void progress_step(struct progress *progress, uint64_t items, uint64_t bytes, uint64_t done)
{
    if (!progress->enabled && !progress->is_plain)
        return;
    const uint64_t now = now_ms();
    if (now - progress->drawn_ms < (progress->enabled ? REDRAW_MS : PLAIN_MS))
        return;
    progress->drawn_ms = now;
    progress->drawn = progress->enabled;
    draw(progress, items, bytes, done);
}

void progress_hide(struct progress *progress)
{
    if (!progress->drawn)
        return;
    fprintf(stderr, "\r\033[K");
    progress->drawn = false;
    progress->drawn_ms = 0;
}

static void draw(struct progress *progress, uint64_t items, uint64_t bytes, uint64_t done)
{
    char count[PROGRESS_TEXT_BYTES], speed[PROGRESS_TEXT_BYTES];
    const uint64_t spent_ms = progress->drawn_ms - progress->start_ms;
    const double spent_s = (double)(spent_ms > 0 ? spent_ms : 1) / 1000;
    progress_count_of(items, progress->noun, count);
    progress_bytes((uint64_t)((double)bytes / spent_s), speed);
    if (progress->enabled)
        fprintf(stderr, "\r");
    if (progress->enabled && progress->total > 0) {
        const double share = done < progress->total ? (double)done / (double)progress->total : 1.0;
        char bar[BAR_CELLS + 1];
        memset(bar, '.', BAR_CELLS);
        memset(bar, '#', (size_t)(share * BAR_CELLS));
        bar[BAR_CELLS] = '\0';
        fprintf(stderr, "[%s] %3d%% ", bar, (int)(share * 100));
    }
    fprintf(stderr, "%s", count);
    if (bytes > 0)
        fprintf(stderr, ", %s/s", speed);
    if (progress->total > 0 && done > 0 && done < progress->total) {
        const double left_s = spent_s / (double)done * (double)(progress->total - done);
        fprintf(stderr, ", %" PRIu64 ":%02" PRIu64 " left", (uint64_t)left_s / 60,
                (uint64_t)left_s % 60);
    }
    fprintf(stderr, progress->enabled ? "\033[K" : "\n");
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *progress_count(uint64_t count, char out_text[PROGRESS_TEXT_BYTES])
{
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *to = out_text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out_text;
}

const char *progress_count_of(uint64_t count, const char *noun, char out_text[PROGRESS_TEXT_BYTES])
{
    progress_count(count, out_text);
    const size_t used = strlen(out_text);
    snprintf(out_text + used, PROGRESS_TEXT_BYTES - used, " %s%s", noun, count == 1 ? "" : "s");
    return out_text;
}

const char *progress_bytes(uint64_t bytes, char out_text[PROGRESS_TEXT_BYTES])
{
    if (bytes < 1000)
        snprintf(out_text, PROGRESS_TEXT_BYTES, "%" PRIu64 " octets", bytes);
    else if (bytes < 1000000)
        snprintf(out_text, PROGRESS_TEXT_BYTES, "%.1f KB", (double)bytes / 1e3);
    else
        snprintf(out_text, PROGRESS_TEXT_BYTES, "%.1f MB", (double)bytes / 1e6);
    return out_text;
}
