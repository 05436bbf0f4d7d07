/* conn_log: what the log says of a connection, whatever protocol it speaks.
 *
 * Names and order of the words are documented in ringpostd(8), because others parse them; so are
 * the reasons for which a connection ends.
 */
#ifndef RINGPOST_CORE_CONN_LOG_H
#define RINGPOST_CORE_CONN_LOG_H

#include "core/conn.h"

/* Adds peer=ADDRESS to the line under way. */
void conn_log_peer(const struct conn *conn);

/* A handshake or a record failed; in the library's words. */
void conn_log_tls_failure(struct conn *conn);

/* The word for conn->end, which is not CONN_END_NONE. */
struct span conn_log_reason(const struct conn *conn);

#endif
