/* conn_tls: TLS between a connection's socket and its session.
 *
 * Ciphertext that was received becomes plaintext for the session, a plan becomes records for the
 * socket. Blocks are lent to the stream only while it has something to say or a ClientHello is not
 * complete, so that a held session keeps what the library keeps and no more. Only so many steps of
 * handshakes are done in one turn; the others wait for the next, and what their peers send
 * meanwhile is kept up to a bound.
 */
#ifndef RINGPOST_CORE_CONN_TLS_H
#define RINGPOST_CORE_CONN_TLS_H

#include "core/conn.h"

/* Begins TLS on a connection: with its first byte, or after STLS or STARTTLS. False where there is
 * no memory.
 */
bool conn_tls_begin(struct conn *conn);

/* Ciphertext has come; goes on with the handshake, or hands the plaintext in. */
void conn_tls_received(struct conn *conn, char *bytes, size_t count);

/* Goes on with a handshake that was put off. */
void conn_tls_resume(struct conn *conn);

/* Sends the plan's pieces up to `piece_end` as records, as send_plan does. */
enum send_result conn_tls_send(struct conn *conn, uint32_t piece_end);

/* Tells the peer that nothing more will come, as far as the socket has room. */
void conn_tls_end(struct conn *conn);

void conn_tls_fini(struct conn *conn);

/* Whether the session has to wait for the handshake. */
bool conn_tls_is_shaking(const struct conn *conn);

#endif
