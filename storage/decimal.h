/* decimal: numbers as text, for first lines and for file names of the store.
 *
 * Pure; knows no locale and allocates nothing. It only writes: numbers that come from elsewhere are
 * read by proto/span.h.
 */
#ifndef RINGPOST_STORAGE_DECIMAL_H
#define RINGPOST_STORAGE_DECIMAL_H

#include <stdint.h>

/* Digits of UINT64_MAX. */
#define DECIMAL_BYTES_MAX 20

/* Writes the number in decimal, without a NUL; returns how many digits that are. */
uint32_t decimal_write(uint64_t number, char *out_digits);

#endif
