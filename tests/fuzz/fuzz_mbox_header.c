/* fuzz_mbox_header: any bytes as a message, whole and in pieces; and as a format for UIDLs.
 *
 * Pieces must make no difference: the same notes, the same bytes passed on, in the same order.
 */
#include "proto/must.h"
#include "storage/mbox_header.h"
#include "storage/uidl_format.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t run(struct mbox_header *header, struct span message, size_t piece, char *out)
{
    size_t used = 0;
    mbox_header_init(header);
    while (message.length > 0) {
        struct span input = {message.bytes, piece < message.length ? piece : message.length};
        message = (struct span){message.bytes + input.length, message.length - input.length};
        while (input.length > 0) {
            const struct span part = mbox_header_take(header, &input);
            memcpy(out + used, part.bytes, part.length);
            used += part.length;
        }
    }
    const struct span part = mbox_header_end(header);
    memcpy(out + used, part.bytes, part.length);
    return used + part.length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span message = {(const char *)data, size};
    struct mbox_header whole, pieces;
    char *one = malloc(size + 1), *other = malloc(size + 1);
    must(one != NULL && other != NULL);
    const size_t count = run(&whole, message, size + 1, one);
    must(count <= size && count == run(&pieces, message, 1 + size % 7, other));
    must(memcmp(one, other, count) == 0);
    must(span_equal(whole.uidl, pieces.uidl) && whole.uid == pieces.uid);
    must(whole.uid_validity == pieces.uid_validity && whole.last_uid == pieces.last_uid);
    free(one);
    free(other);

    const struct uidl_parts parts = {
        .uid = 5, .uid_validity = 7, .name = message, .guid = SPAN_LITERAL("guid")};
    char *uidl = malloc(MAIL_UIDL_MAX);
    uint8_t length = 0;
    must(uidl != NULL);
    if (uidl_format_write(uidl_format_named(message), &parts, uidl, &length) == UIDL_FORMAT_DONE)
        must(length >= 1 && length <= MAIL_UIDL_MAX);
    (void)uidl_format_needs_uid(message);
    free(uidl);
    return 0;
}
