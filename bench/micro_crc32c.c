/* micro_crc32c: how fast each variant of the checksum is on this machine.
 *
 * One line a variant and a size: bytes, GB/s, and on x86 bytes for each tick of the time stamp
 * counter. The best of several rounds is shown, since anything slower measured something else.
 */
#include "bench/micro.h"
#include "storage/crc32c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const variant_names[CRC32C_VARIANTS] = {"table", "sse4.2", "armv8"};

static void measure(enum crc32c_variant variant, const char *bytes, size_t count)
{
    struct micro micro;
    micro_init(&micro, count);
    uint32_t sum = 0;
    while (micro_goes_on(&micro)) {
        for (size_t at = 0; at < micro.repeats; at++)
            sum = crc32c_by(variant, sum, bytes, count);
        micro_round_ends(&micro);
    }
    micro_keep(sum);
    char what[64];
    snprintf(what, sizeof(what), "crc32c %-7s %8zu bytes", variant_names[variant], count);
    micro_print(&micro, what);
}

int main(void)
{
    static const size_t sizes[] = {64, 2048, 10240, 1 << 20};
    size_t most = sizes[sizeof(sizes) / sizeof(sizes[0]) - 1];
    char *bytes = malloc(most);
    if (bytes == NULL)
        return 1;
    memset(bytes, 'x', most);
    for (int variant = 0; variant < CRC32C_VARIANTS; variant++) {
        if (!crc32c_has_variant((enum crc32c_variant)variant))
            continue;
        for (size_t at = 0; at < sizeof(sizes) / sizeof(sizes[0]); at++)
            measure((enum crc32c_variant)variant, bytes, sizes[at]);
    }
    free(bytes);
    return 0;
}
