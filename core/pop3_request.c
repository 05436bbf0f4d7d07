/* pop3_request: finds the answers to what a session asks. */
#include "core/pop3_request.h"

#include "core/pop3_log.h"
#include "core/tls_stream.h"
#include "proto/must.h"

#include <stdlib.h>
#include <string.h>

static enum pop3_request_result request_auth(struct pop3_conn *conn, struct pop3_answer *answer);
static enum pop3_request_result request_external(struct pop3_conn *conn,
                                                 struct pop3_answer *answer);
static enum pop3_request_result request_storage(struct pop3_conn *conn, struct pop3_answer *answer);
static enum mail_result ask_storage(struct pop3_conn *conn, const struct pop3_ask *ask,
                                    const struct disk_access *access, struct mail_fact *facts,
                                    struct pop3_answer *answer);
static enum mail_result give_marks(struct pop3_conn *conn, struct pop3_answer *answer);
static bool start(struct pop3_conn *conn, struct pop3_task *task, struct worker_pool *pool,
                  void (*run)(struct job *job, const struct worker_lent *lent));
static void run_auth(struct job *job, const struct worker_lent *lent);
static void run_storage(struct job *job, const struct worker_lent *lent);
static void run_populate(struct job *job, const struct worker_lent *lent);
static void done(struct op *op, int result, uint32_t flags);
static struct pop3_task *task_of(struct job *job);

enum pop3_request_result pop3_request(struct pop3_conn *conn, struct pop3_answer *out_answer)
{
    *out_answer = (struct pop3_answer){.kind = conn->ask.kind};
    return conn->ask.kind == POP3_ASK_AUTH ? request_auth(conn, out_answer)
                                           : request_storage(conn, out_answer);
}

bool pop3_request_populate(struct pop3_conn *conn, struct mail_range range)
{
    struct pop3_task *task = slab_take(&conn->shard->tasks);
    if (task == NULL)
        return false;
    task->ask.kind = POP3_ASK_ROOM; /* no ask of the session's: nothing to answer */
    task->populate = range;
    conn->shard->counters.cold_ranges++;
    bool started = start(conn, task, conn->shard->server->disk_pool, run_populate);
    if (!started)
        slab_give(&conn->shard->tasks, task);
    return started;
}

static enum pop3_request_result request_auth(struct pop3_conn *conn, struct pop3_answer *answer)
{
    struct shard *shard = conn->shard;
    if (conn->ask.auth.mechanism == POP3_MECHANISM_EXTERNAL)
        return request_external(conn, answer);
    struct auth_check check;
    char timestamp[POP3_TIMESTAMP_MAX];
    if (auth_begin(shard->accounts, shard->login_cache, &conn->ask.auth,
                   pop3_conn_timestamp(conn, timestamp), shard_now_s(shard), &answer->auth,
                   &check) == AUTH_ANSWERED) {
        if (answer->auth != POP3_AUTH_RIGHT)
            pop3_log_refusal(conn, conn->ask.auth.user, answer->auth);
        return POP3_REQUEST_ANSWERED;
    }
    struct pop3_task *task = slab_take(&shard->tasks);
    if (task != NULL) {
        task->ask = conn->ask;
        task->auth = check;
        if (start(conn, task, shard->server->hash_pool, run_auth)) {
            password_wipe(&check, sizeof check);
            return POP3_REQUEST_TASK;
        }
        password_wipe(&task->auth, sizeof task->auth);
        slab_give(&shard->tasks, task);
    }
    /* The same for everybody: whether there is such a user is not told. */
    password_wipe(&check, sizeof check);
    answer->auth = POP3_AUTH_UNAVAILABLE;
    pop3_log_refusal(conn, conn->ask.auth.user, answer->auth);
    return POP3_REQUEST_ANSWERED;
}

/* The certificate says who he is; it opens his own maildrop and nobody else's. */
static enum pop3_request_result request_external(struct pop3_conn *conn, struct pop3_answer *answer)
{
    struct account account;
    struct span wanted = conn->ask.auth.on_behalf_of;
    struct span name = span_of(conn->tls != NULL ? conn->tls->peer_name : "");
    bool is_his = wanted.length == 0 || span_equal(wanted, name);
    bool is_right =
        is_his && name.length > 0 && accounts_find(conn->shard->accounts, name, &account);
    answer->auth = is_right ? POP3_AUTH_RIGHT : POP3_AUTH_WRONG;
    answer->auth_user = is_right ? name : (struct span){NULL, 0};
    if (!is_right)
        pop3_log_refusal(conn, name, POP3_AUTH_WRONG);
    return POP3_REQUEST_ANSWERED;
}

static enum pop3_request_result request_storage(struct pop3_conn *conn, struct pop3_answer *answer)
{
    struct shard *shard = conn->shard;
    if (answer->kind == POP3_ASK_OPEN) {
        conn->mailbox.driver = &mailbox_native;
        if (!users_folder(pop3_user_name(&conn->session), conn->path)) {
            answer->result = MAIL_PERMANENT;
            return POP3_REQUEST_ANSWERED;
        }
    }
    answer->result = ask_storage(conn, &conn->ask, &shard->access, shard->facts, answer);
    if (answer->result == MAIL_DONE && answer->kind == POP3_ASK_OPEN)
        answer->result = give_marks(conn, answer);
    if (answer->result != MAIL_LATER)
        return POP3_REQUEST_ANSWERED;
    shard->counters.waiting_requests++;
    struct pop3_task *task = slab_take(&shard->tasks);
    if (task != NULL) {
        task->ask = conn->ask;
        if (start(conn, task, shard->server->disk_pool, run_storage))
            return POP3_REQUEST_TASK;
        slab_give(&shard->tasks, task);
    }
    answer->result = MAIL_TEMPORARY;
    return POP3_REQUEST_ANSWERED;
}

/* The same for a shard that must not wait and for a worker that may. */
static enum mail_result ask_storage(struct pop3_conn *conn, const struct pop3_ask *ask,
                                    const struct disk_access *access, struct mail_fact *facts,
                                    struct pop3_answer *answer)
{
    const struct mailbox_driver *driver = conn->mailbox.driver;
    switch (ask->kind) {
    case POP3_ASK_OPEN:
        return driver->open(&conn->mailbox, access, conn->path, &answer->open.view);
    case POP3_ASK_FACTS:
        answer->facts.facts = facts;
        return driver->facts(&conn->mailbox, access, ask->facts.first, ask->facts.wanted, facts,
                             &answer->facts.count);
    case POP3_ASK_BODY:
        return driver->body(&conn->mailbox, access, ask->body.number, &answer->range);
    case POP3_ASK_TOP:
        return driver->top(&conn->mailbox, access, ask->top.number, ask->top.lines, &answer->range);
    case POP3_ASK_COMMIT:
        return driver->commit(&conn->mailbox, access, conn->marks);
    case POP3_ASK_TLS:
    case POP3_ASK_LINE:
    case POP3_ASK_ROOM:
    case POP3_ASK_AUTH:
    case POP3_ASK_CLOSE:
        break;
    }
    must(false);
}

/* The one allocation of a session, at the login to a large maildrop. */
static enum mail_result give_marks(struct pop3_conn *conn, struct pop3_answer *answer)
{
    conn->mailbox_open = true;
    size_t words = (answer->open.view.count + 63) / 64;
    conn->marks = conn->marks_inline;
    memset(conn->marks_inline, 0, sizeof conn->marks_inline);
    if (words > CONN_MARKS_INLINE_MAX / 64)
        conn->marks = calloc(words, sizeof *conn->marks);
    answer->open.marks = conn->marks;
    if (conn->marks != NULL)
        return MAIL_DONE;
    conn->mailbox.driver->close(&conn->mailbox, conn->shard->server->disk);
    conn->mailbox_open = false;
    return MAIL_TEMPORARY;
}

/* Sends the task off; false where the queue is full, and the task is still the caller's. */
static bool start(struct pop3_conn *conn, struct pop3_task *task, struct worker_pool *pool,
                  void (*run)(struct job *job, const struct worker_lent *lent))
{
    task->conn = conn;
    task->job = (struct job){.op = {.done = done}, .run = run};
    conn->task = task;
    if (worker_submit(pool, &task->job, &conn->shard->ring))
        return true;
    conn->task = NULL;
    return false;
}

static void run_auth(struct job *job, const struct worker_lent *lent)
{
    (void)lent;
    auth_run(&task_of(job)->auth);
}

static void run_storage(struct job *job, const struct worker_lent *lent)
{
    struct pop3_task *task = task_of(job);
    struct disk_access access = {task->conn->shard->server->disk, DISK_WAIT, lent->scratch};
    task->answer = (struct pop3_answer){.kind = task->ask.kind};
    task->answer.result = ask_storage(task->conn, &task->ask, &access, task->facts, &task->answer);
}

/* Reading is what brings a range into the page cache; the bytes themselves are not wanted. */
static void run_populate(struct job *job, const struct worker_lent *lent)
{
    struct pop3_task *task = task_of(job);
    struct disk *disk = task->conn->shard->server->disk;
    uint64_t end = task->populate.offset + task->populate.bytes;
    for (uint64_t at = task->populate.offset; at < end;) {
        uint64_t window = end - at < DISK_SCRATCH_BYTES ? end - at : DISK_SCRATCH_BYTES;
        int64_t got = disk_read(disk, task->populate.file, lent->scratch, window, at, DISK_WAIT);
        if (got <= 0)
            return; /* the sender meets the same end and says so */
        at += (uint64_t)got;
    }
}

static void done(struct op *op, int result, uint32_t flags)
{
    (void)result;
    (void)flags;
    struct job *job = (struct job *)((char *)op - offsetof(struct job, op));
    struct pop3_task *task = task_of(job);
    struct pop3_conn *conn = task->conn;
    struct shard *shard = conn->shard;
    conn->task = NULL;
    if (task->ask.kind == POP3_ASK_ROOM) {
        conn->stream.populated = true;
        slab_give(&shard->tasks, task);
        pop3_conn_resume(conn);
        return;
    }
    if (task->ask.kind == POP3_ASK_AUTH) {
        enum pop3_auth_result right = auth_end(&task->auth, shard->login_cache, shard_now_s(shard));
        task->answer = (struct pop3_answer){.kind = POP3_ASK_AUTH, .auth = right};
        if (right != POP3_AUTH_RIGHT)
            pop3_log_refusal(conn, (struct span){task->auth.user, task->auth.user_length}, right);
    } else if (task->ask.kind == POP3_ASK_OPEN && task->answer.result == MAIL_DONE) {
        task->answer.result = give_marks(conn, &task->answer);
    }
    pop3_conn_answer(conn, &task->answer);
    slab_give(&shard->tasks, task);
}

static struct pop3_task *task_of(struct job *job)
{
    return (struct pop3_task *)((char *)job - offsetof(struct pop3_task, job));
}
