/* pop3_tls: TLS between a connection's socket and its session.
 *
 * Ciphertext that was received becomes plaintext for the session, a plan becomes records for the
 * socket. Blocks are lent to the stream only while it has something to say or a ClientHello is not
 * complete, so that a held session keeps what the library keeps and no more. Only so many steps of
 * handshakes are done in one turn; the others wait for the next, and what their peers send
 * meanwhile is kept up to a bound.
 */
#ifndef RINGPOST_CORE_POP3_TLS_H
#define RINGPOST_CORE_POP3_TLS_H

#include "core/pop3_conn.h"

/* Begins TLS on a connection: with its first byte, or after STLS. False where there is no memory.
 */
bool pop3_tls_begin(struct pop3_conn *conn);

/* Ciphertext has come; goes on with the handshake, or hands the plaintext in. */
void pop3_tls_received(struct pop3_conn *conn, char *bytes, size_t count);

/* Goes on with a handshake that was put off. */
void pop3_tls_resume(struct pop3_conn *conn);

/* Sends the plan's pieces up to `piece_end` as records, as send_plan does. */
enum send_result pop3_tls_send(struct pop3_conn *conn, uint32_t piece_end);

/* What an encrypted connection may do: EXTERNAL where the peer has shown a certificate. */
const struct pop3_settings *pop3_tls_settings(const struct pop3_conn *conn);

/* Tells the peer that nothing more will come, as far as the socket has room. */
void pop3_tls_end(struct pop3_conn *conn);

void pop3_tls_fini(struct pop3_conn *conn);

/* Whether the session has to wait for the handshake. */
bool pop3_tls_is_shaking(const struct pop3_conn *conn);

#endif
