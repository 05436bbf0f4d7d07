/* lmtp_head: the lines that are put in front of each recipient's copy of a message.
 *
 * Collects what the connection, the clock and the configuration know for proto/lmtp_trace.h, which
 * writes the lines.
 */
#ifndef RINGPOST_CORE_LMTP_HEAD_H
#define RINGPOST_CORE_LMTP_HEAD_H

#include "core/lmtp_conn.h"

/* Writes the head of each recipient, and lets his request point to it. */
void lmtp_head_compose(struct lmtp_conn *lmtp);

/* The identity of the message under way, as it stands in Received and in the log: time, shard,
 * connection and number, so that no two are alike while the server runs. */
struct span lmtp_head_id(const struct lmtp_conn *lmtp, char out_text[LMTP_TRACE_ID_MAX]);

#endif
