/* maildir_name: reads names by their marks, without an idea who made them.
 *
 * TIME is what stands before the first dot, UNIQUE what stands between it and the second; the sizes
 * stand between commas before the info, which begins at ":2,".
 */
#include "storage/maildir_name.h"

#include <string.h>

static unsigned flag_of(char letter);
static void read_sizes(struct maildir_name *name);

bool maildir_name_parse(struct span name, struct maildir_name *out_name)
{
    *out_name = (struct maildir_name){.base = name};
    if (name.length == 0 || name.bytes[0] == '.')
        return false;
    if (memchr(name.bytes, '/', name.length) != NULL || memchr(name.bytes, 0, name.length) != NULL)
        return false;
    const char *info = memchr(name.bytes, ':', name.length);
    if (info != NULL) {
        out_name->base.length = (size_t)(info - name.bytes);
        size_t left = name.length - out_name->base.length;
        if (left >= 3 && memcmp(info, ":2,", 3) == 0) {
            for (size_t at = 3; at < left; at++)
                out_name->flags |= flag_of(info[at]);
        }
    }
    read_sizes(out_name);
    return true;
}

static unsigned flag_of(char letter)
{
    static const char letters[] = "PRSTDF";
    const char *found = memchr(letters, letter, sizeof(letters) - 1);
    return found != NULL ? 1U << (found - letters) : 0;
}

static void read_sizes(struct maildir_name *name)
{
    const char *at = name->base.bytes;
    const char *end = at + name->base.length;
    while ((at = memchr(at, ',', (size_t)(end - at))) != NULL) {
        at++;
        const char *next = memchr(at, ',', (size_t)(end - at));
        size_t count = (size_t)((next != NULL ? next : end) - at);
        if (count < 2 || at[1] != '=')
            continue;
        struct span digits = {at + 2, count - 2};
        if (*at == 'S' && !name->has_size)
            name->has_size = span_number(digits, &name->size);
        if (*at == 'W' && !name->has_wire_size)
            name->has_wire_size = span_number(digits, &name->wire_size);
    }
}

/* The digits at the front, without leading zeros; `out_found` tells none from zero. */
static struct span leading_digits(struct span text, bool *out_found)
{
    size_t zeros = 0;
    while (zeros < text.length && text.bytes[zeros] == '0')
        zeros++;
    size_t end = zeros;
    while (end < text.length && text.bytes[end] >= '0' && text.bytes[end] <= '9')
        end++;
    *out_found = end > 0;
    return (struct span){text.bytes + zeros, end - zeros};
}

static int compare_bytes(struct span a, struct span b)
{
    size_t both = a.length < b.length ? a.length : b.length;
    int order = both > 0 ? memcmp(a.bytes, b.bytes, both) : 0;
    if (order != 0)
        return order;
    return (a.length > b.length) - (a.length < b.length);
}

static int compare_digits(struct span a, struct span b)
{
    if (a.length != b.length)
        return a.length < b.length ? -1 : 1;
    return compare_bytes(a, b);
}

/* The digits behind an M in UNIQUE. Other parts of it are hexadecimal at most, so no M is in them.
 */
static struct span microseconds(struct span name, bool *out_found)
{
    const char *end = name.bytes + name.length;
    const char *dot = name.length > 0 ? memchr(name.bytes, '.', name.length) : NULL;
    *out_found = false;
    for (const char *at = dot; at != NULL && ++at < end && *at != '.';) {
        if (*at != 'M')
            continue;
        struct span digits =
            leading_digits((struct span){at + 1, (size_t)(end - at - 1)}, out_found);
        if (*out_found)
            return digits;
    }
    return (struct span){name.bytes, 0};
}

int maildir_name_compare(struct span a, struct span b)
{
    bool a_has, b_has;
    struct span a_time = leading_digits(a, &a_has);
    struct span b_time = leading_digits(b, &b_has);
    if (a_has != b_has)
        return a_has ? -1 : 1;
    int order = compare_digits(a_time, b_time);
    if (order != 0)
        return order;
    a_time = microseconds(a, &a_has);
    b_time = microseconds(b, &b_has);
    if (a_has != b_has)
        return a_has ? 1 : -1;
    order = compare_digits(a_time, b_time);
    return order != 0 ? order : compare_bytes(a, b);
}
