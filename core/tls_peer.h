/* tls_peer: who the client says he is, by a certificate.
 *
 * Asked for only where the operator has named an authority. The name is the common name of a
 * certificate that the library has verified up to that authority; AUTH EXTERNAL logs it in.
 */
#ifndef RINGPOST_CORE_TLS_PEER_H
#define RINGPOST_CORE_TLS_PEER_H

#include "core/config.h"
#include "proto/span.h"

/* Longest common name (RFC 5280 appendix A: ub-common-name is 64), with a NUL. */
#define TLS_PEER_NAME_BYTES 65

struct WOLFSSL;
struct WOLFSSL_CTX;

/* Makes a context ask its clients; false with a sentence where the authorities cannot be read. */
bool tls_peer_set_up(struct WOLFSSL_CTX *context, const struct config *config,
                     const struct config_tls *common, char *out_error, size_t error_bytes);

/* Has the verified name of this connection's peer written to `out_name`, which must live as long
 * and begins empty. */
void tls_peer_watch(struct WOLFSSL *ssl, char out_name[TLS_PEER_NAME_BYTES]);

#endif
