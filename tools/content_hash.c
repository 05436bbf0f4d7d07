/* content_hash: SHA-256 over what mbox_header passes on; see content_hash.h.
 *
 * It owns the running sum. The library's functions fail only for arguments that are none.
 */
#include "tools/content_hash.h"

#include "proto/must.h"

void content_hash_begin(struct content_hash *hash)
{
    mbox_header_init(&hash->header);
    must(wc_InitSha256(&hash->sum) == 0);
}

static void add(wc_Sha256 *sum, struct span bytes)
{
    must(bytes.length == 0 ||
         wc_Sha256Update(sum, (const unsigned char *)bytes.bytes, (word32)bytes.length) == 0);
}

void content_hash_add(struct content_hash *hash, struct span bytes)
{
    while (bytes.length > 0)
        add(&hash->sum, mbox_header_take(&hash->header, &bytes));
}

void content_hash_end(struct content_hash *hash, unsigned char out_digest[CONTENT_HASH_BYTES])
{
    add(&hash->sum, mbox_header_end(&hash->header));
    must(wc_Sha256Final(&hash->sum, out_digest) == 0);
    wc_Sha256Free(&hash->sum);
}

uint64_t content_hash_of(struct span key, uint32_t round)
{
    unsigned char digest[CONTENT_HASH_BYTES];
    uint64_t number = 0;
    wc_Sha256 sum;
    must(wc_InitSha256(&sum) == 0);
    add(&sum, key);
    for (int i = 0; i < 4; i++) {
        const char byte = (char)(round >> 8 * i);
        add(&sum, (struct span){&byte, 1});
    }
    must(wc_Sha256Final(&sum, digest) == 0);
    wc_Sha256Free(&sum);
    for (int i = 0; i < 8; i++)
        number = number << 8 | digest[i];
    return number;
}
