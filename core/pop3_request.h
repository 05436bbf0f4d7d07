/* pop3_request: finds the answers to what a session asks.
 *
 * Each ask is tried on the shard first, where it must not wait. What would wait is run again by a
 * worker thread, with the connection parked: the task owns copies of what it needs, uses the
 * connection's mailbox alone, and hands the answer over when it is back on the shard.
 */
#ifndef RINGPOST_CORE_POP3_REQUEST_H
#define RINGPOST_CORE_POP3_REQUEST_H

#include "core/pop3_conn.h"

/* A request on its way through a worker. */
struct pop3_task {
    struct job job;
    struct pop3_conn *pop3;
    struct pop3_ask ask;
    struct pop3_answer answer;
    bool has_waited; /* for the disk, as a rule */
    union {
        struct auth_check auth;
        struct mail_fact facts[POP3_FACTS_MAX];
        struct mail_range populate;
    };
};

enum pop3_request_result {
    POP3_REQUEST_ANSWERED, /* out_answer is it */
    POP3_REQUEST_TASK,     /* a task is on its way */
};

/* Answers pop3->ask, which is one of AUTH, OPEN, FACTS, BODY, TOP, COMMIT. The answer's facts are
 * the shard's and live until the next request. */
enum pop3_request_result pop3_request(struct pop3_conn *pop3, struct pop3_answer *out_answer);

/* Sends a worker to bring a range into memory; false where no task is free. */
bool pop3_request_populate(struct pop3_conn *pop3, struct mail_range range);

#endif
