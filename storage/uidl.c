/* uidl: makes and judges them; see uidl.h.
 *
 * Lower-case hexadecimal digits, the time first, so that a list in their order is nearly one in the
 * order of arrival.
 */
#include "storage/uidl.h"

void uidl_make(uint32_t time_s, uint64_t random, char out_uidl[UIDL_MADE_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < 8; i++)
        out_uidl[i] = digits[time_s >> (28 - 4 * i) & 15];
    for (uint32_t i = 0; i < 16; i++)
        out_uidl[8 + i] = digits[random >> (60 - 4 * i) & 15];
}

bool uidl_is_valid(struct span uidl)
{
    if (uidl.length == 0 || uidl.length > MAIL_UIDL_MAX)
        return false;
    for (size_t i = 0; i < uidl.length; i++) {
        if (uidl.bytes[i] < 0x21 || uidl.bytes[i] > 0x7e)
            return false;
    }
    return true;
}
