/* config_reader: the reading in progress, and its first mistake. */
#include "core/config_reader.h"

#include "proto/must.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local struct config_reader *reading;

void config_reader_begin(struct config_reader *reader)
{
    must(reading == NULL);
    reading = reader;
}

struct config_reader *config_reader_now(void)
{
    must(reading != NULL);
    return reading;
}

void config_reader_end(void)
{
    reading = NULL;
}

int config_reader_fail(struct config_reader *reader, int line, const char *format, ...)
{
    if (reader->failed)
        return -1;
    reader->failed = true;
    int used = snprintf(reader->error, reader->error_bytes, "%s:%d: ", reader->config->path, line);
    if (used < 0 || (size_t)used >= reader->error_bytes)
        return -1;
    va_list values;
    va_start(values, format);
    vsnprintf(reader->error + used, reader->error_bytes - (size_t)used, format, values);
    va_end(values);
    return -1;
}
