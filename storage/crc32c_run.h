/* crc32c_run: the variants that crc32c.c chooses from. Private to the room `crc32c`.
 *
 * Here `state` is the register of the division itself: the caller inverts it before and after.
 */
#ifndef RINGPOST_STORAGE_CRC32C_RUN_H
#define RINGPOST_STORAGE_CRC32C_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t crc32c_run_table(uint32_t state, const unsigned char *bytes, size_t count);

/* Whether processor and build have the instructions; the run may be called only then. */
bool crc32c_has_sse42(void);
uint32_t crc32c_run_sse42(uint32_t state, const unsigned char *bytes, size_t count);

bool crc32c_has_armv8(void);
uint32_t crc32c_run_armv8(uint32_t state, const unsigned char *bytes, size_t count);

#endif
