/* tls_staple: the answer of an OCSP responder about our certificate, shown to clients that ask for
 * it (RFC 6066 section 8, RFC 8446 section 4.4.2.1).
 *
 * Read from a file that somebody else renews, and checked before anybody sees it: by its issuer's
 * signature, for this certificate, good. Shown only between its two dates. Immutable after it was
 * made. Nothing is ever asked over the network.
 */
#ifndef RINGPOST_CORE_TLS_STAPLE_H
#define RINGPOST_CORE_TLS_STAPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A larger file is no response: usual ones have 300 to 2500 bytes. */
#define TLS_STAPLE_BYTES_MAX 16384

struct tls_staple;
struct WOLFSSL_CTX;

/* Whether the linked library can show a response at all. */
bool tls_staple_is_known(void);

/* Reads the response at `path` about the certificate in the PEM file `certificate`, behind which
 * its issuer must stand. One that has expired or is not valid yet is taken and never shown. NULL
 * with what is wrong (and what to do) in `out_error`. Waits for the disk. */
struct tls_staple *tls_staple_read(const char *path, const char *certificate, char *out_error,
                                   size_t error_bytes);

void tls_staple_free(struct tls_staple **staple);

/* Whether it may be shown at this time (seconds since 1970). */
bool tls_staple_is_current(const struct tls_staple *staple, uint64_t time_s);

/* Has the connections of a context show it while it is current; it must outlive them. */
bool tls_staple_show(struct WOLFSSL_CTX *context, struct tls_staple *staple);

#endif
