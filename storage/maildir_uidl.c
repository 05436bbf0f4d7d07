/* maildir_uidl: see maildir_uidl.h.
 *
 * A template is checked once when it is parsed; storage/uidl_format.h reads it for each message.
 */
#include "storage/maildir_uidl.h"

#include "storage/courier_sizelist.h"
#include "storage/crc32c.h"
#include "storage/uidl.h"

#include <string.h>

const char *maildir_uidl_parse(struct span text, struct maildir_uidl_format *out_format)
{
    *out_format = (struct maildir_uidl_format){
        .is_courier = span_equal(text, SPAN_LITERAL("courier")),
        .is_file_name = span_equal(text, SPAN_LITERAL("filename")),
        .crc = crc32c(0, text.bytes, text.length),
    };
    if (out_format->is_courier || out_format->is_file_name)
        return NULL;
    text = uidl_format_named(text);
    if (text.length > MAILDIR_UIDL_TEMPLATE_MAX)
        return "is too long; a template has at most 63 characters";
    const char *mistake = uidl_format_mistake(text);
    if (mistake != NULL)
        return mistake;
    memcpy(out_format->text, text.bytes, text.length);
    out_format->needs_uid = uidl_format_needs_uid(text);
    return uidl_format_tells_apart(text)
               ? NULL
               : "gives every message the same UIDL; use %u, %f or %g in it";
}

uint8_t maildir_uidl_make(const struct maildir_uidl_format *format, const struct uidl_parts *parts,
                          char out[MAIL_UIDL_MAX])
{
    uint8_t length = 0;
    struct uidl_parts known = *parts;
    if (known.guid.length == 0)
        known.guid = known.name;
    if (format->is_courier || format->is_file_name)
        length = (uint8_t)courier_sizelist_name_uidl(known.name, out, MAIL_UIDL_MAX);
    else if (!format->needs_uid || known.uid != 0)
        uidl_format_write(span_of(format->text), &known, out, &length);
    return uidl_is_valid((struct span){out, length}) ? length : maildir_uidl_own(known.name, out);
}

uint8_t maildir_uidl_own(struct span base, char out[MAIL_UIDL_MAX])
{
    if (!uidl_is_valid(base))
        return maildir_uidl_hash(base, out);
    memcpy(out, base.bytes, base.length);
    return (uint8_t)base.length;
}

uint8_t maildir_uidl_hash(struct span base, char out[MAIL_UIDL_MAX])
{
    static const char digits[] = "0123456789abcdef";
    const unsigned __int128 prime = (unsigned __int128)0x1000000 << 64 | 0x13B;
    unsigned __int128 hash =
        (unsigned __int128)UINT64_C(0x6C62272E07BB0142) << 64 | UINT64_C(0x62B821756295C58D);
    for (size_t i = 0; i < base.length; i++) {
        hash ^= (unsigned char)base.bytes[i];
        hash *= prime;
    }
    for (int i = MAILDIR_UIDL_HASH_BYTES - 1; i >= 0; i--) {
        out[i] = digits[(unsigned)hash & 15];
        hash >>= 4;
    }
    return MAILDIR_UIDL_HASH_BYTES;
}
