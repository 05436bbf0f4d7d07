/* crc32c_run: the variants that crc32c.c chooses from. Private to the room `crc32c`.
 *
 * Here `state` is the register of the division itself: the caller inverts it before and after.
 */
#ifndef RINGPOST_STORAGE_CRC32C_RUN_H
#define RINGPOST_STORAGE_CRC32C_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Moves `state` over `count` bytes, on every processor. */
uint32_t crc32c_run_table(uint32_t state, const unsigned char *bytes, size_t count);

/* Whether processor and build have the instructions. */
bool crc32c_has_sse42(void);
bool crc32c_has_armv8(void);

/* The same as crc32c_run_table; called only where the instructions are there. */
uint32_t crc32c_run_sse42(uint32_t state, const unsigned char *bytes, size_t count);
uint32_t crc32c_run_armv8(uint32_t state, const unsigned char *bytes, size_t count);

#endif
