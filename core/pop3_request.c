/* pop3_request: finds the answers to what a session asks. */
#include "core/pop3_request.h"

#include "core/maildir_place.h"
#include "core/pop3_log.h"
#include "core/residency.h"
#include "core/tls_stream.h"
#include "proto/must.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static enum pop3_request_result request_auth(struct pop3_conn *pop3, struct pop3_answer *answer);
static enum pop3_request_result request_external(struct pop3_conn *pop3,
                                                 struct pop3_answer *answer);
static enum pop3_request_result request_storage(struct pop3_conn *pop3, struct pop3_answer *answer);
static bool choose_driver(struct pop3_conn *pop3);
static struct disk *disk_of(const struct pop3_conn *pop3);
static enum mail_result ask_storage(struct pop3_conn *pop3, const struct pop3_ask *ask,
                                    const struct disk_access *access, struct mail_fact *facts,
                                    struct pop3_answer *answer);
static enum mail_result give_marks(struct pop3_conn *pop3, struct pop3_answer *answer);
static bool start(struct pop3_conn *pop3, struct pop3_task *task, struct worker_pool *pool,
                  void (*run)(struct job *job, const struct worker_lent *lent));
static void run_auth(struct job *job, const struct worker_lent *lent);
static void run_storage(struct job *job, const struct worker_lent *lent);
static void run_populate(struct job *job, const struct worker_lent *lent);
static long waits_of_thread(void);
static void done(struct op *op, int result, uint32_t flags);
static struct pop3_task *task_of(struct job *job);

enum pop3_request_result pop3_request(struct pop3_conn *pop3, struct pop3_answer *out_answer)
{
    *out_answer = (struct pop3_answer){.kind = pop3->ask.kind};
    return pop3->ask.kind == POP3_ASK_AUTH ? request_auth(pop3, out_answer)
                                           : request_storage(pop3, out_answer);
}

bool pop3_request_populate(struct pop3_conn *pop3, struct mail_range range)
{
    struct pop3_task *task = slab_take(&pop3->conn.shard->tasks);
    if (task == NULL)
        return false;
    task->ask.kind = POP3_ASK_ROOM; /* no ask of the session's: nothing to answer */
    task->populate = range;
    pop3->conn.shard->counters.cold_ranges++;
    bool started = start(pop3, task, pop3->conn.shard->server->disk_pool, run_populate);
    if (!started)
        slab_give(&pop3->conn.shard->tasks, task);
    return started;
}

static enum pop3_request_result request_auth(struct pop3_conn *pop3, struct pop3_answer *answer)
{
    struct shard *shard = pop3->conn.shard;
    if (pop3->ask.auth.mechanism == POP3_MECHANISM_EXTERNAL)
        return request_external(pop3, answer);
    struct auth_check check;
    char timestamp[POP3_TIMESTAMP_MAX];
    if (auth_begin(shard->accounts, shard->login_cache, &pop3->ask.auth,
                   pop3_conn_timestamp(pop3, timestamp), shard_now_s(shard), &answer->auth,
                   &check) == AUTH_ANSWERED) {
        if (answer->auth != POP3_AUTH_RIGHT)
            pop3_log_refusal(pop3, pop3->ask.auth.user, answer->auth);
        return POP3_REQUEST_ANSWERED;
    }
    struct pop3_task *task = slab_take(&shard->tasks);
    if (task != NULL) {
        task->ask = pop3->ask;
        task->auth = check;
        if (start(pop3, task, shard->server->hash_pool, run_auth)) {
            password_wipe(&check, sizeof check);
            return POP3_REQUEST_TASK;
        }
        password_wipe(&task->auth, sizeof task->auth);
        slab_give(&shard->tasks, task);
    }
    /* The same for everybody: whether there is such a user is not told. */
    password_wipe(&check, sizeof check);
    answer->auth = POP3_AUTH_UNAVAILABLE;
    pop3_log_refusal(pop3, pop3->ask.auth.user, answer->auth);
    return POP3_REQUEST_ANSWERED;
}

/* The certificate says who he is; it opens his own maildrop and nobody else's. */
static enum pop3_request_result request_external(struct pop3_conn *pop3, struct pop3_answer *answer)
{
    struct account account;
    struct span wanted = pop3->ask.auth.on_behalf_of;
    struct span name = span_of(pop3->conn.tls != NULL ? pop3->conn.tls->peer_name : "");
    bool is_his = wanted.length == 0 || span_equal(wanted, name);
    bool is_right =
        is_his && name.length > 0 && accounts_find(pop3->conn.shard->accounts, name, &account);
    answer->auth = is_right ? POP3_AUTH_RIGHT : POP3_AUTH_WRONG;
    answer->auth_user = is_right ? name : (struct span){NULL, 0};
    if (!is_right)
        pop3_log_refusal(pop3, name, POP3_AUTH_WRONG);
    return POP3_REQUEST_ANSWERED;
}

static enum pop3_request_result request_storage(struct pop3_conn *pop3, struct pop3_answer *answer)
{
    struct shard *shard = pop3->conn.shard;
    if (answer->kind == POP3_ASK_OPEN && !choose_driver(pop3)) {
        answer->result = MAIL_PERMANENT;
        return POP3_REQUEST_ANSWERED;
    }
    pop3_conn_all_sent(pop3);
    struct disk_access access = {disk_of(pop3), DISK_NOW, shard->access.scratch};
    answer->result = ask_storage(pop3, &pop3->ask, &access, shard->facts, answer);
    if (answer->result == MAIL_DONE && answer->kind == POP3_ASK_OPEN)
        answer->result = give_marks(pop3, answer);
    if (answer->result != MAIL_LATER)
        return POP3_REQUEST_ANSWERED;
    shard->counters.waiting_requests++;
    struct pop3_task *task = slab_take(&shard->tasks);
    if (task != NULL) {
        task->ask = pop3->ask;
        if (start(pop3, task, shard->server->disk_pool, run_storage))
            return POP3_REQUEST_TASK;
        slab_give(&shard->tasks, task);
    }
    answer->result = MAIL_TEMPORARY;
    return POP3_REQUEST_ANSWERED;
}

/* The kind of a user's maildrop and where it is; false where he can have none. */
static bool choose_driver(struct pop3_conn *pop3)
{
    _Static_assert(sizeof pop3->path >= MAILDIR_PATH_BYTES, "any maildrop's path fits");
    const struct server *server = pop3->conn.shard->server;
    struct span user = pop3_user_name(&pop3->session);
    struct account account;
    bool is_known = accounts_find(pop3->conn.shard->accounts, user, &account);
    switch (maildir_place(&server->config, user, is_known ? &account : NULL, pop3->path)) {
    case MAILDIR_PLACE_NATIVE:
        pop3->mailbox.driver = &mailbox_native;
        return users_folder(user, pop3->path);
    case MAILDIR_PLACE_FOUND:
        maildir_init(&pop3->mailbox, &server->maildir);
        return true;
    case MAILDIR_PLACE_BAD:
        break;
    }
    return false;
}

static struct disk *disk_of(const struct pop3_conn *pop3)
{
    const struct server *server = pop3->conn.shard->server;
    return pop3->mailbox.driver == &mailbox_maildir ? server->outside : server->disk;
}

/* The same for a shard that must not wait and for a worker that may. */
static enum mail_result ask_storage(struct pop3_conn *pop3, const struct pop3_ask *ask,
                                    const struct disk_access *access, struct mail_fact *facts,
                                    struct pop3_answer *answer)
{
    const struct mailbox_driver *driver = pop3->mailbox.driver;
    switch (ask->kind) {
    case POP3_ASK_OPEN:
        return driver->open(&pop3->mailbox, access, pop3->path, &answer->open.view);
    case POP3_ASK_FACTS:
        answer->facts.facts = facts;
        return driver->facts(&pop3->mailbox, access, ask->facts.first, ask->facts.wanted, facts,
                             &answer->facts.count);
    case POP3_ASK_BODY:
        return driver->body(&pop3->mailbox, access, ask->body.number, &answer->range);
    case POP3_ASK_TOP:
        return driver->top(&pop3->mailbox, access, ask->top.number, ask->top.lines, &answer->range);
    case POP3_ASK_COMMIT:
        return driver->commit(&pop3->mailbox, access, pop3->marks);
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
static enum mail_result give_marks(struct pop3_conn *pop3, struct pop3_answer *answer)
{
    pop3->mailbox_open = true;
    size_t words = (answer->open.view.count + 63) / 64;
    pop3->marks = pop3->marks_inline;
    memset(pop3->marks_inline, 0, sizeof pop3->marks_inline);
    if (words > POP3_CONN_MARKS_INLINE_MAX / 64)
        pop3->marks = calloc(words, sizeof *pop3->marks);
    answer->open.marks = pop3->marks;
    if (pop3->marks != NULL)
        return MAIL_DONE;
    pop3->mailbox.driver->close(&pop3->mailbox, pop3->conn.shard->server->disk);
    pop3->mailbox_open = false;
    return MAIL_TEMPORARY;
}

/* Sends the task off; false where the queue is full, and the task is still the caller's. */
static bool start(struct pop3_conn *pop3, struct pop3_task *task, struct worker_pool *pool,
                  void (*run)(struct job *job, const struct worker_lent *lent))
{
    task->pop3 = pop3;
    task->has_waited = false;
    task->job = (struct job){.op = {.done = done}, .run = run};
    pop3->conn.pending++;
    if (worker_submit(pool, &task->job, &pop3->conn.shard->ring))
        return true;
    pop3->conn.pending--;
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
    struct disk_access access = {disk_of(task->pop3), DISK_WAIT, lent->scratch};
    const long waits = waits_of_thread();
    task->answer = (struct pop3_answer){.kind = task->ask.kind};
    task->answer.result = ask_storage(task->pop3, &task->ask, &access, task->facts, &task->answer);
    task->has_waited = waits_of_thread() != waits;
}

/* Reading is what brings a range into the page cache; the bytes themselves are not wanted. */
static void run_populate(struct job *job, const struct worker_lent *lent)
{
    struct pop3_task *task = task_of(job);
    struct disk *disk = task->pop3->conn.shard->server->disk;
    uint64_t end = task->populate.offset + task->populate.bytes;
    const long waits = waits_of_thread();
    for (uint64_t at = task->populate.offset; at < end;) {
        uint64_t window = end - at < DISK_SCRATCH_BYTES ? end - at : DISK_SCRATCH_BYTES;
        int64_t got = disk_read(disk, task->populate.file, lent->scratch, window, at, DISK_WAIT);
        if (got <= 0)
            break; /* the sender meets the same end and says so */
        at += (uint64_t)got;
    }
    residency_settle(task->populate.file, task->populate.offset, task->populate.bytes);
    task->has_waited = waits_of_thread() != waits;
}

/* How often this thread has slept until something came. */
static long waits_of_thread(void)
{
    struct rusage used;
    return getrusage(RUSAGE_THREAD, &used) == 0 ? used.ru_nvcsw : 0;
}

static void done(struct op *op, int result, uint32_t flags)
{
    (void)result;
    (void)flags;
    struct job *job = (struct job *)((char *)op - offsetof(struct job, op));
    struct pop3_task *task = task_of(job);
    struct pop3_conn *pop3 = task->pop3;
    struct shard *shard = pop3->conn.shard;
    pop3->conn.pending--;
    /* What the kernel reads ahead for such a session is partly there and partly on its way. */
    pop3->conn.stream.is_careful = pop3->conn.stream.is_careful || task->has_waited;
    if (task->ask.kind == POP3_ASK_ROOM) {
        pop3->conn.stream.populated = true;
        slab_give(&shard->tasks, task);
        conn_resume(&pop3->conn);
        return;
    }
    if (task->ask.kind == POP3_ASK_AUTH) {
        enum pop3_auth_result right = auth_end(&task->auth, shard->login_cache, shard_now_s(shard));
        task->answer = (struct pop3_answer){.kind = POP3_ASK_AUTH, .auth = right};
        if (right != POP3_AUTH_RIGHT)
            pop3_log_refusal(pop3, (struct span){task->auth.user, task->auth.user_length}, right);
    } else if (task->ask.kind == POP3_ASK_OPEN && task->answer.result == MAIL_DONE) {
        task->answer.result = give_marks(pop3, &task->answer);
    }
    pop3_conn_answer(pop3, &task->answer);
    slab_give(&shard->tasks, task);
}

static struct pop3_task *task_of(struct job *job)
{
    return (struct pop3_task *)((char *)job - offsetof(struct pop3_task, job));
}
