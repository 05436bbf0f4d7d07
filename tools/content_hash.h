/* content_hash: a message's own bytes as a number, the same whatever was noted in its header.
 *
 * For messages to which no server has given a UIDL. What storage/mbox_header.h calls notes does not
 * count; everything else does. SHA-256.
 */
#ifndef RINGPOST_TOOLS_CONTENT_HASH_H
#define RINGPOST_TOOLS_CONTENT_HASH_H

#include "storage/mbox_header.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/sha256.h>

#define CONTENT_HASH_BYTES WC_SHA256_DIGEST_SIZE

struct content_hash {
    struct mbox_header header; /* what was noted; whole after content_hash_end */
    wc_Sha256 sum;
};

/* A message begins, goes on, and ends; after _end `out_digest` is that of all its bytes. */
void content_hash_begin(struct content_hash *hash);
void content_hash_add(struct content_hash *hash, struct span bytes);
void content_hash_end(struct content_hash *hash, unsigned char out_digest[CONTENT_HASH_BYTES]);

/* 64 bits of the digest of `key` and `round`, to make a UIDL of. */
uint64_t content_hash_of(struct span key, uint32_t round);

#endif
