/* calendar: between seconds since 1970 and a date, in UTC and the Gregorian calendar.
 *
 * For the lines of mbox files. Knows no time zones, no leap seconds and not what time it is.
 */
#ifndef RINGPOST_STORAGE_CALENDAR_H
#define RINGPOST_STORAGE_CALENDAR_H

#include "proto/span.h"

struct calendar {
    int32_t year;   /* 0..9999 */
    uint32_t month; /* 1..12 */
    uint32_t day;   /* 1..31 */
    uint32_t hour, minute, second;
    uint32_t weekday; /* 0 Sunday .. 6 Saturday; not regarded by calendar_to_seconds */
};

/* Seconds since 1970 of a date; a second of 60 is the next minute's first. */
int64_t calendar_to_seconds(const struct calendar *date);

/* False, and a date of all zeros, where the year is not 0..9999. */
bool calendar_from_seconds(int64_t seconds, struct calendar *out_date);

/* Three letters, for printing, of a month 1..12 and a weekday 0..6. */
struct span calendar_month_name(uint32_t month);
struct span calendar_weekday_name(uint32_t weekday);

/* The way back, in letters of either case. False where it is no such name. */
bool calendar_find_month(struct span name, uint32_t *out_month);
bool calendar_find_weekday(struct span name, uint32_t *out_weekday);

#endif
