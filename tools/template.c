/* template: replaces the four words of template.h, from left to right.
 *
 * It never reads what it has put in, so a percent sign in a name stays one.
 */
#include "tools/template.h"

#include <string.h>

enum template_result template_write(const char *text, const char *user, char *out, size_t room)
{
    const char *at_sign = strrchr(user, '@');
    const struct span whole = span_of(user);
    const struct span local = {user, at_sign != NULL ? (size_t)(at_sign - user) : whole.length};
    const struct span domain = span_of(at_sign != NULL ? at_sign + 1 : "");
    size_t used = 0;
    for (; *text != '\0'; text++) {
        struct span part = {text, 1};
        if (*text == '%') {
            text++;
            if (*text == '\0' || strchr("und%", *text) == NULL)
                return TEMPLATE_WRONG;
            part = *text == 'u' ? whole : *text == 'n' ? local : *text == 'd' ? domain : part;
        }
        if (part.length >= room - used)
            return TEMPLATE_TOO_LONG;
        memcpy(out + used, part.bytes, part.length);
        used += part.length;
    }
    out[used] = '\0';
    return TEMPLATE_DONE;
}
