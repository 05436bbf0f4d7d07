/* tls_staple: an OCSP response from a file, stapled to a certificate (RFC 6066 section 8).
 *
 * Another program fetches the response and writes the file; a change of it makes new contexts. We
 * never ask a responder ourselves. The library checks the response against the chain before it
 * staples it, and leaves it out where it does not fit.
 */
#ifndef RINGPOST_CORE_TLS_STAPLE_H
#define RINGPOST_CORE_TLS_STAPLE_H

#include <stdbool.h>
#include <stddef.h>

struct WOLFSSL_CTX;
struct tls_staple;

/* Reads the DER file `response` and gives it to the context whose certificate chain is in the PEM
 * file `chain`. NULL with a sentence where that cannot be. The staple must outlive the context. */
struct tls_staple *tls_staple_make(struct WOLFSSL_CTX *context, const char *chain,
                                   const char *response, char *out_error, size_t error_bytes);
void tls_staple_free(struct tls_staple **staple);

#endif
