/* calendar: arithmetic of dates without a table of days.
 *
 * Years are counted from 1 March, so that a leap day is the last of its year; the calendar repeats
 * after 400 years, which have 146,097 days.
 */
#include "storage/calendar.h"

#define DAY_SECONDS   86400
#define ERA_DAYS      146097
#define DAYS_TO_EPOCH 719468 /* from 1 March of year 0 to 1 January 1970 */

int64_t calendar_to_seconds(const struct calendar *date)
{
    int64_t year = date->month <= 2 ? date->year - 1 : date->year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = (date->month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    int64_t days = era * ERA_DAYS + day_of_era - DAYS_TO_EPOCH;
    return days * DAY_SECONDS + (int64_t)date->hour * 3600 + (int64_t)date->minute * 60 +
           date->second;
}

bool calendar_from_seconds(int64_t seconds, struct calendar *out_date)
{
    static const struct calendar first = {.year = 0, .month = 1, .day = 1};
    static const struct calendar after_last = {.year = 10000, .month = 1, .day = 1};
    *out_date = (struct calendar){0};
    if (seconds < calendar_to_seconds(&first) || seconds >= calendar_to_seconds(&after_last))
        return false;
    int64_t since = seconds - calendar_to_seconds(&first);
    /* 1 January of year 0 is 60 days before its 1 March; one era more keeps all positive. */
    int64_t days = since / DAY_SECONDS - 60 + ERA_DAYS;
    int64_t second_of_day = since % DAY_SECONDS;
    int64_t era = days / ERA_DAYS;
    int64_t day_of_era = days % ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    int64_t year = year_of_era + (era - 1) * 400 + (month <= 2 ? 1 : 0);
    *out_date = (struct calendar){
        .year = (int32_t)year,
        .month = (uint32_t)month,
        .day = (uint32_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
        .hour = (uint32_t)(second_of_day / 3600),
        .minute = (uint32_t)(second_of_day / 60 % 60),
        .second = (uint32_t)(second_of_day % 60),
        .weekday = (uint32_t)((since / DAY_SECONDS + 6) % 7), /* 1 January 0 was a Saturday */
    };
    return true;
}

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekday_names[] = "SunMonTueWedThuFriSat";

struct span calendar_month_name(uint32_t month)
{
    return (struct span){month_names + (month - 1) * 3, 3};
}

struct span calendar_weekday_name(uint32_t weekday)
{
    return (struct span){weekday_names + weekday * 3, 3};
}

bool calendar_find_month(struct span name, uint32_t *out_month)
{
    for (*out_month = 1; *out_month <= 12; ++*out_month) {
        if (span_equal_ignoring_case(name, calendar_month_name(*out_month)))
            return true;
    }
    return false;
}

bool calendar_find_weekday(struct span name, uint32_t *out_weekday)
{
    for (*out_weekday = 0; *out_weekday < 7; ++*out_weekday) {
        if (span_equal_ignoring_case(name, calendar_weekday_name(*out_weekday)))
            return true;
    }
    return false;
}
