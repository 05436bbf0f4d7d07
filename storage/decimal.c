/* decimal: see decimal.h.
 *
 * Digits come out last first, so they are put into a small buffer from its end and copied once.
 */
#include "storage/decimal.h"

#include <string.h>

uint32_t decimal_write(uint64_t number, char *out_digits)
{
    char digits[DECIMAL_BYTES_MAX];
    uint32_t first = DECIMAL_BYTES_MAX;
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    memcpy(out_digits, digits + first, DECIMAL_BYTES_MAX - first);
    return DECIMAL_BYTES_MAX - first;
}
