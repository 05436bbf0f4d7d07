/* log: one line an event, to stderr, without ever holding the loop up. */
#include "core/log.h"

#include "proto/must.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WRITE_PATIENCE_MS 200

static const struct __kernel_timespec delay = {.tv_nsec = LOG_DELAY_MS * 1000000};

static void became_due(struct op *op, int result, uint32_t flags);
static void written(struct op *op, int result, uint32_t flags);
static void put(struct log *log, const char *bytes, size_t count);
static void put_number(struct log *log, uint64_t value);
static void put_escaped(struct log *log, unsigned char byte);
static void write_whole(const char *bytes, size_t count);
static bool is_plain(unsigned char byte);
static void time_to_text(uint64_t time_s, char out_text[24]);

bool log_init(struct log *log, struct ring *ring)
{
    *log = (struct log){
        .write = {.done = written},
        .delay = {.done = became_due},
        .ring = ring,
        .gathering = malloc(LOG_BATCH_BYTES),
        .writing = malloc(LOG_BATCH_BYTES),
        .time_s = UINT64_MAX,
    };
    return log->gathering != NULL && log->writing != NULL;
}

void log_fini(struct log *log)
{
    must(log_is_idle(log));
    write_whole(log->gathering, log->gathered);
    free(log->gathering);
    free(log->writing);
}

void log_set_time(struct log *log, uint64_t now_s)
{
    if (now_s == log->time_s)
        return;
    log->time_s = now_s;
    time_to_text(now_s, log->time_text);
}

void log_begin(struct log *log, const char *event)
{
    if (log->gathered + LOG_LINE_MAX > LOG_BATCH_BYTES)
        log_flush(log);
    log->dropping = log->gathered + LOG_LINE_MAX > LOG_BATCH_BYTES;
    log->dropped += log->dropping;
    log->line_begins = log->gathered;
    put(log, log->time_text, strlen(log->time_text));
    put(log, event, strlen(event));
}

void log_text(struct log *log, const char *name, struct span value)
{
    put(log, " ", 1);
    put(log, name, strlen(name));
    put(log, "=", 1);
    for (size_t i = 0; i < value.length; i++) {
        unsigned char byte = (unsigned char)value.bytes[i];
        if (is_plain(byte))
            put(log, &value.bytes[i], 1);
        else
            put_escaped(log, byte);
    }
}

void log_number(struct log *log, const char *name, uint64_t value)
{
    put(log, " ", 1);
    put(log, name, strlen(name));
    put(log, "=", 1);
    put_number(log, value);
}

void log_end(struct log *log)
{
    if (!log->dropping)
        log->gathering[log->gathered++] = '\n';
}

void log_settle(struct log *log)
{
    if (log->is_due || log->gathered >= LOG_SOON_BYTES)
        log_flush(log);
    else if (log->gathered > 0 && !log->delay.in_flight)
        ring_timeout(log->ring, &log->delay, &delay);
}

void log_flush(struct log *log)
{
    if (log->write.in_flight)
        return;
    if (log->dropped > 0 && log->gathered + LOG_LINE_MAX <= LOG_BATCH_BYTES) {
        uint64_t dropped = log->dropped;
        log->dropped = 0;
        log_begin(log, "log-lines-dropped");
        log_number(log, "lines", dropped);
        log_end(log);
    }
    log->is_due = false;
    if (log->gathered == 0)
        return;
    char *batch = log->gathering;
    log->gathering = log->writing;
    log->writing = batch;
    log->batch = log->gathered;
    log->written = 0;
    log->gathered = 0;
    ring_write(log->ring, &log->write, STDERR_FILENO, log->writing, log->batch);
}

void log_give_up(struct log *log)
{
    if (log->write.in_flight)
        ring_cancel(log->ring, &log->write);
    log->gathered = 0;
}

bool log_is_idle(const struct log *log)
{
    return !log->write.in_flight && !log->delay.in_flight;
}

void log_now(const char *format, ...)
{
    char line[LOG_LINE_MAX];
    char text[24];
    time_to_text((uint64_t)time(NULL), text);
    int begun = snprintf(line, sizeof line, "%s", text);
    va_list arguments;
    va_start(arguments, format);
    int rest = vsnprintf(line + begun, sizeof line - (size_t)begun - 1, format, arguments);
    va_end(arguments);
    size_t length = (size_t)begun + (size_t)(rest > 0 ? rest : 0);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    line[length] = '\n';
    write_whole(line, length + 1);
}

static void became_due(struct op *op, int result, uint32_t flags)
{
    (void)result;
    (void)flags;
    struct log *log = (struct log *)((char *)op - offsetof(struct log, delay));
    log->is_due = true;
}

static void written(struct op *op, int result, uint32_t flags)
{
    (void)flags;
    struct log *log = (struct log *)((char *)op - offsetof(struct log, write));
    /* Nobody can be told that stderr is gone; the batch is given up. */
    if (result <= 0 && result != -EINTR && result != -EAGAIN)
        return; /* also -ECANCELED, after log_give_up */
    if (result > 0)
        log->written += (uint32_t)result;
    if (log->written < log->batch)
        ring_write(log->ring, &log->write, STDERR_FILENO, log->writing + log->written,
                   log->batch - log->written);
}

/* Appends to the line under way, up to its limit. */
static void put(struct log *log, const char *bytes, size_t count)
{
    size_t room = log->line_begins + LOG_LINE_MAX - 1 - log->gathered;
    if (log->dropping)
        return;
    if (count > room)
        count = room;
    memcpy(log->gathering + log->gathered, bytes, count);
    log->gathered += (uint32_t)count;
}

static void put_number(struct log *log, uint64_t value)
{
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(log, digits + first, sizeof digits - first);
}

static void put_escaped(struct log *log, unsigned char byte)
{
    static const char hexadecimal[] = "0123456789ABCDEF";
    put(log, (char[]){'\\', 'x', hexadecimal[byte >> 4], hexadecimal[byte & 15]}, 4);
}

static bool is_plain(unsigned char byte)
{
    return byte > ' ' && byte < 0x7F && byte != '"' && byte != '\\';
}

/* Gives up where nobody reads: a server must start, stop and read its users all the same. Up to
 * PIPE_BUF bytes a pipe that is writable takes without blocking (pipe(7)). */
static void write_whole(const char *bytes, size_t count)
{
    while (count > 0) {
        struct pollfd readiness = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&readiness, 1, WRITE_PATIENCE_MS) == 0)
            return;
        ssize_t taken = write(STDERR_FILENO, bytes, count < PIPE_BUF ? count : PIPE_BUF);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken <= 0)
            return;
        bytes += taken;
        count -= (size_t)taken;
    }
}

static void time_to_text(uint64_t time_s, char out_text[24])
{
    struct tm parts;
    time_t seconds = (time_t)time_s;
    gmtime_r(&seconds, &parts);
    strftime(out_text, 24, "%Y-%m-%dT%H:%M:%SZ ", &parts);
}
