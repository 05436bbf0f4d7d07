/* account_quota: how much mail a user may have. */
#include "core/account_quota.h"

#include <string.h>

static const char *take_rule(struct span rule, struct account_quota *quota);
static const char *take_limit(struct span limit, struct account_quota *quota);
static bool number_of(struct span text, uint64_t unit, uint64_t *out_number);
static bool cut_front(struct span *text, struct span front);
static struct span take_until(struct span *rest, char end);

const char *account_quota_take(struct span extra, struct account_quota *quota)
{
    while (extra.length > 0) {
        struct span word = take_until(&extra, ' ');
        (void)cut_front(&word, SPAN_LITERAL("userdb_"));
        if (!cut_front(&word, SPAN_LITERAL("quota_rule")))
            continue;
        /* There may be several: quota_rule, quota_rule2, quota_rule3. */
        while (word.length > 0 && word.bytes[0] >= '0' && word.bytes[0] <= '9')
            word = (struct span){word.bytes + 1, word.length - 1};
        if (!cut_front(&word, SPAN_LITERAL("=")))
            continue;
        const char *fault = take_rule(word, quota);
        if (fault != NULL)
            return fault;
    }
    return NULL;
}

/* `*:bytes=1G:messages=1000`, or one for another folder. */
static const char *take_rule(struct span rule, struct account_quota *quota)
{
    if (!span_equal(take_until(&rule, ':'), SPAN_LITERAL("*")))
        return NULL;
    while (rule.length > 0) {
        const char *fault = take_limit(take_until(&rule, ':'), quota);
        if (fault != NULL)
            return fault;
    }
    return NULL;
}

static const char *take_limit(struct span limit, struct account_quota *quota)
{
    static const char wrong[] = "its quota cannot be read; write userdb_quota_rule=*:bytes=1G or "
                                "userdb_quota_rule=*:messages=1000, or both: *:bytes=1G:messages="
                                "1000";
    uint64_t number;
    if (span_equal(limit, SPAN_LITERAL("ignore"))) {
        *quota = (struct account_quota){0, 0};
        return NULL;
    }
    if (cut_front(&limit, SPAN_LITERAL("messages="))) {
        if (!span_number(limit, &number) || number > UINT32_MAX)
            return wrong;
        quota->messages = (uint32_t)number;
        return NULL;
    }
    uint64_t unit = 1;
    if (cut_front(&limit, SPAN_LITERAL("storage=")))
        unit = 1024;
    else if (!cut_front(&limit, SPAN_LITERAL("bytes=")))
        return wrong;
    return number_of(limit, unit, &quota->octets) ? NULL : wrong;
}

/* A number with or without a unit, whose own value counts instead of `unit`. */
static bool number_of(struct span text, uint64_t unit, uint64_t *out_number)
{
    static const char units[] = "BKMGT";
    if (text.length > 0) {
        char last = text.bytes[text.length - 1];
        const char *known = memchr(units, last >= 'a' ? last - 'a' + 'A' : last, sizeof units - 1);
        if (known != NULL) {
            unit = UINT64_C(1) << (10 * (known - units));
            text.length--;
        }
    }
    uint64_t number;
    if (!span_number(text, &number) || number > INT64_MAX / unit)
        return false;
    *out_number = number * unit;
    return true;
}

static bool cut_front(struct span *text, struct span front)
{
    if (text->length < front.length || memcmp(text->bytes, front.bytes, front.length) != 0)
        return false;
    *text = (struct span){text->bytes + front.length, text->length - front.length};
    return true;
}

/* What stands before `end`, which is taken, too; or all of it. */
static struct span take_until(struct span *rest, char end)
{
    const char *found = rest->length == 0 ? NULL : memchr(rest->bytes, end, rest->length);
    struct span taken = {rest->bytes, found == NULL ? rest->length : (size_t)(found - rest->bytes)};
    size_t used = taken.length + (found != NULL);
    *rest = (struct span){rest->bytes + used, rest->length - used};
    return taken;
}
