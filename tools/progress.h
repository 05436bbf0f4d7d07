/* progress: how far a long command is, on one line of a terminal, and numbers as people read them.
 *
 * The line is drawn at most ten times a second, over itself; whoever wants to say something hides
 * it first. Where stderr is no terminal there is a plain line twice a minute, if it is wanted: a
 * command that cron calls must not make it send mail.
 */
#ifndef RINGPOST_TOOLS_PROGRESS_H
#define RINGPOST_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool enabled;  /* on a terminal */
    bool is_plain; /* set by whoever wants plain lines elsewhere */
    bool drawn;
    const char *noun; /* "message" */
    uint64_t total;   /* steps in all, or 0: unknown */
    uint64_t start_ms;
    uint64_t drawn_ms;
};

/* Begins. `noun` names what is counted, in the singular; `total` is in whatever unit `done` is. */
void progress_begin(struct progress *progress, const char *noun, uint64_t total);

/* `items` and `bytes` are shown; `done` of the total gives the share and the remaining time. */
void progress_step(struct progress *progress, uint64_t items, uint64_t bytes, uint64_t done);

/* Wipes the line; the next step draws it anew. */
void progress_hide(struct progress *progress);

/* "1,234,567", "1 message" or "2 messages", "56.7 MB" (of 1,000,000 bytes). Each returns
 * `out_text`. */
#define PROGRESS_TEXT_BYTES 64
const char *progress_count(uint64_t count, char out_text[PROGRESS_TEXT_BYTES]);
const char *progress_count_of(uint64_t count, const char *noun, char out_text[PROGRESS_TEXT_BYTES]);
const char *progress_bytes(uint64_t bytes, char out_text[PROGRESS_TEXT_BYTES]);

#endif
