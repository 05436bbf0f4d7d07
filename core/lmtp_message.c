/* lmtp_message: the message under way on an LMTP connection. */
#include "core/lmtp_message.h"

#include "core/account.h"
#include "core/delivery_limits.h"
#include "core/lmtp_head.h"
#include "core/lmtp_log.h"
#include "core/maildir_place.h"
#include "proto/must.h"

#include <string.h>

static enum lmtp_recipient_result judge(struct lmtp_conn *lmtp, struct lmtp_recipient *recipient);
static void find_same(struct lmtp_conn *lmtp, struct lmtp_recipient *recipient);
static uint32_t hash_of(const char *path);
static void refuse_all(struct lmtp_conn *lmtp, enum mail_result result);
static void tell(struct lmtp_conn *lmtp, struct lmtp_recipient *recipient);
static void submit(struct lmtp_conn *lmtp);
static void delivered(struct op *op, int result, uint32_t flags);
static void start(struct lmtp_conn *lmtp, void (*run)(struct job *, const struct worker_lent *),
                  void (*done)(struct op *, int, uint32_t));
static void run_spill(struct job *job, const struct worker_lent *lent);
static void spilled(struct op *op, int result, uint32_t flags);
static void run_fini(struct job *job, const struct worker_lent *lent);
static void finished(struct op *op, int result, uint32_t flags);
static void give_letter(struct lmtp_conn *lmtp);
static void give_rest(struct lmtp_conn *lmtp);
static struct lmtp_conn *conn_of_job(struct job *job);

void lmtp_message_init(struct lmtp_conn *lmtp)
{
    lmtp->recipients_end = &lmtp->recipients;
}

enum lmtp_recipient_result lmtp_message_recipient(struct lmtp_conn *lmtp)
{
    struct shard *shard = lmtp->conn.shard;
    struct lmtp_recipient *recipient = slab_take(&shard->recipients);
    enum lmtp_recipient_result result =
        recipient != NULL ? judge(lmtp, recipient) : LMTP_RECIPIENT_TEMPORARY;
    if (result == LMTP_RECIPIENT_GOOD) {
        *lmtp->recipients_end = recipient;
        lmtp->recipients_end = &recipient->next;
        find_same(lmtp, recipient);
        return result;
    }
    if (recipient != NULL)
        slab_give(&shard->recipients, recipient);
    lmtp_log_refusal(lmtp, lmtp->ask.recipient.address, result);
    return result;
}

/* Fills the recipient. A maildrop that is full already is told before the message is sent in vain;
 * where that cannot be seen without a wait, the delivery will say it. */
static enum lmtp_recipient_result judge(struct lmtp_conn *lmtp, struct lmtp_recipient *recipient)
{
    const struct shard *shard = lmtp->conn.shard;
    const struct config *config = &shard->server->config;
    struct span user = lmtp->ask.recipient.user;
    struct span address = lmtp->ask.recipient.address;
    struct account account;
    must(user.length <= sizeof recipient->user && address.length <= sizeof recipient->address);
    _Static_assert(sizeof recipient->path >= MAILDIR_PATH_BYTES, "any maildrop's path fits");
    if (!accounts_find(shard->accounts, user, &account))
        return LMTP_RECIPIENT_UNKNOWN;
    /* His mail is in a Maildir, which nothing is delivered into here: the store would hide it. */
    if (maildir_place(config, user, &account, recipient->path) != MAILDIR_PLACE_NATIVE)
        return LMTP_RECIPIENT_TEMPORARY;
    if (!users_folder(user, recipient->path))
        return LMTP_RECIPIENT_UNKNOWN;
    const struct delivery_limits limits = delivery_limits_of(config, &account);
    recipient->next = recipient->left = recipient->right = recipient->same = NULL;
    recipient->is_again = false;
    recipient->lmtp = lmtp;
    recipient->request = (struct delivery_request){
        .path = recipient->path, .limits = limits, .op = {.done = delivered}};
    recipient->user_length = (uint16_t)user.length;
    recipient->address_length = (uint16_t)address.length;
    memcpy(recipient->user, user.bytes, user.length);
    memcpy(recipient->address, address.bytes, address.length);
    bool has_quota = limits.octets_max > 0 || limits.messages_max < config->messages_max;
    if (has_quota && delivery_check_quota(&shard->access, recipient->path, &limits, 1) == MAIL_FULL)
        return LMTP_RECIPIENT_FULL;
    return LMTP_RECIPIENT_GOOD;
}

/* A maildrop gets a message once, however many of its addresses the sender names. The tree is
 * ordered by hashes, which keeps it flat enough. */
static void find_same(struct lmtp_conn *lmtp, struct lmtp_recipient *recipient)
{
    recipient->path_hash = hash_of(recipient->path);
    struct lmtp_recipient **place = &lmtp->maildrops;
    while (*place != NULL) {
        struct lmtp_recipient *other = *place;
        const int order = recipient->path_hash != other->path_hash
                              ? (recipient->path_hash < other->path_hash ? -1 : 1)
                              : strcmp(recipient->path, other->path);
        if (order == 0) {
            recipient->is_again = true;
            recipient->same = other->same;
            other->same = recipient;
            return;
        }
        place = order < 0 ? &other->left : &other->right;
    }
    *place = recipient;
}

/* FNV-1a, and its last step again so that the upper bits know of the last letters. */
static uint32_t hash_of(const char *path)
{
    uint32_t hash = 2166136261u;
    for (const char *at = path; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return (hash ^ hash >> 15) * 16777619u;
}

void lmtp_message_begin(struct lmtp_conn *lmtp)
{
    struct shard *shard = lmtp->conn.shard;
    must(lmtp->letter_state == LMTP_LETTER_NONE);
    lmtp->letter_block = slab_take(&shard->letters);
    lmtp->letter_state = lmtp->letter_block != NULL ? LMTP_LETTER_OPEN : LMTP_LETTER_LOST;
    if (lmtp->letter_block != NULL)
        letter_begin(&lmtp->letter, lmtp->letter_block, LETTER_BLOCK_BYTES,
                     shard->server->config.message_bytes_max);
}

void lmtp_message_write(struct lmtp_conn *lmtp, struct span raw)
{
    must(raw.length <= LMTP_CONN_TAKE_BYTES && lmtp->rest_block == NULL);
    /* What a letter cannot keep it remembers; its bytes go by all the same. */
    if (lmtp->letter_state != LMTP_LETTER_OPEN || letter_write(&lmtp->letter, &raw) != MAIL_LATER)
        return;
    struct shard *shard = lmtp->conn.shard;
    lmtp->rest_block = slab_take(&shard->plans);
    if (lmtp->rest_block == NULL) {
        give_letter(lmtp);
        lmtp->letter_state = LMTP_LETTER_LOST;
        return;
    }
    memcpy(lmtp->rest_block, raw.bytes, raw.length);
    lmtp->rest = (struct span){lmtp->rest_block, raw.length};
    shard->counters.spills++;
    start(lmtp, run_spill, spilled);
}

void lmtp_message_deliver(struct lmtp_conn *lmtp)
{
    struct shard *shard = lmtp->conn.shard;
    must(!lmtp->delivering && lmtp->conn.pending == 0);
    lmtp->delivering = true;
    lmtp->ended_ms = shard->now_ms;
    lmtp->message_number = ++shard->counters.messages;
    enum mail_result result = MAIL_TEMPORARY;
    if (lmtp->letter_state == LMTP_LETTER_OPEN)
        result = letter_end(&lmtp->letter);
    if (result != MAIL_DONE) {
        refuse_all(lmtp, result);
        return;
    }
    lmtp_head_compose(lmtp);
    for (struct lmtp_recipient *each = lmtp->recipients; each != NULL; each = each->next) {
        each->request.letter = &lmtp->letter;
        each->request.time_s = (uint32_t)shard->log.time_s;
    }
    lmtp->unsubmitted = lmtp->recipients;
    submit(lmtp);
}

static void refuse_all(struct lmtp_conn *lmtp, enum mail_result result)
{
    for (struct lmtp_recipient *each = lmtp->recipients; each != NULL; each = each->next) {
        each->request.result = result;
        lmtp_log_delivery(lmtp, each);
    }
}

/* Hands over as many as the queue takes. The others follow as ours come back; with none of ours in
 * it, others have filled it, and the peer had better come again. */
static void submit(struct lmtp_conn *lmtp)
{
    struct conn *conn = &lmtp->conn;
    const struct server *server = conn->shard->server;
    for (; lmtp->unsubmitted != NULL; lmtp->unsubmitted = lmtp->unsubmitted->next) {
        struct lmtp_recipient *recipient = lmtp->unsubmitted;
        if (recipient->is_again)
            continue;
        if (delivery_queue_submit(server->delivery_queue, &recipient->request,
                                  &conn->shard->ring)) {
            conn->pending++;
        } else if (conn->pending > 0) {
            return;
        } else {
            recipient->request.result = MAIL_TEMPORARY;
            tell(lmtp, recipient);
        }
    }
}

/* A result is there: for all whose maildrop it is. */
static void tell(struct lmtp_conn *lmtp, struct lmtp_recipient *recipient)
{
    lmtp_log_delivery(lmtp, recipient);
    for (struct lmtp_recipient *each = recipient->same; each != NULL; each = each->same) {
        each->request.result = recipient->request.result;
        memcpy(each->request.uidl, recipient->request.uidl, sizeof each->request.uidl);
        lmtp_log_delivery(lmtp, each);
    }
}

static void delivered(struct op *op, int result, uint32_t flags)
{
    (void)result;
    (void)flags;
    struct lmtp_recipient *recipient =
        (struct lmtp_recipient *)((char *)op - offsetof(struct lmtp_recipient, request.op));
    struct lmtp_conn *lmtp = recipient->lmtp;
    lmtp->conn.pending--;
    tell(lmtp, recipient);
    submit(lmtp);
    lmtp_conn_go_on(lmtp);
}

bool lmtp_message_forget(struct lmtp_conn *lmtp)
{
    struct shard *shard = lmtp->conn.shard;
    must(lmtp->conn.pending == 0);
    while (lmtp->recipients != NULL) {
        struct lmtp_recipient *recipient = lmtp->recipients;
        must(!recipient->request.op.in_flight);
        lmtp->recipients = recipient->next;
        slab_give(&shard->recipients, recipient);
    }
    lmtp->recipients_end = &lmtp->recipients;
    lmtp->maildrops = NULL;
    lmtp->unsubmitted = NULL;
    lmtp->delivering = false;
    lmtp->data_ended = false;
    give_rest(lmtp);
    give_letter(lmtp);
    return lmtp->conn.pending == 0;
}

/* Closing a large file that has no name takes the time of freeing its space. */
static void give_letter(struct lmtp_conn *lmtp)
{
    struct shard *shard = lmtp->conn.shard;
    bool was_open = lmtp->letter_state == LMTP_LETTER_OPEN;
    lmtp->letter_state = LMTP_LETTER_NONE;
    if (!was_open)
        return;
    if (letter_is_in_file(&lmtp->letter)) {
        start(lmtp, run_fini, finished);
        return;
    }
    letter_fini(&lmtp->letter, shard->server->disk);
    slab_give(&shard->letters, lmtp->letter_block);
}

static void give_rest(struct lmtp_conn *lmtp)
{
    if (lmtp->rest_block != NULL)
        slab_give(&lmtp->conn.shard->plans, lmtp->rest_block);
    lmtp->rest_block = NULL;
}

static void start(struct lmtp_conn *lmtp, void (*run)(struct job *, const struct worker_lent *),
                  void (*done)(struct op *, int, uint32_t))
{
    struct shard *shard = lmtp->conn.shard;
    lmtp->job = (struct job){.op = {.done = done}, .run = run};
    lmtp->conn.pending++;
    /* Each connection has one job at most, and the disk's queue has no bound. */
    must(worker_submit(shard->server->disk_pool, &lmtp->job, &shard->ring));
}

static void run_spill(struct job *job, const struct worker_lent *lent)
{
    struct lmtp_conn *lmtp = conn_of_job(job);
    struct disk_access access = {lmtp->conn.shard->server->disk, DISK_WAIT, lent->scratch};
    (void)letter_spill(&lmtp->letter, &access); /* the letter remembers a fault */
}

static void spilled(struct op *op, int result, uint32_t flags)
{
    (void)result;
    (void)flags;
    struct lmtp_conn *lmtp = conn_of_job((struct job *)((char *)op - offsetof(struct job, op)));
    lmtp->conn.pending--;
    must(letter_write(&lmtp->letter, &lmtp->rest) != MAIL_LATER);
    give_rest(lmtp);
    lmtp_conn_go_on(lmtp);
}

static void run_fini(struct job *job, const struct worker_lent *lent)
{
    (void)lent;
    struct lmtp_conn *lmtp = conn_of_job(job);
    letter_fini(&lmtp->letter, lmtp->conn.shard->server->disk);
}

static void finished(struct op *op, int result, uint32_t flags)
{
    (void)result;
    (void)flags;
    struct lmtp_conn *lmtp = conn_of_job((struct job *)((char *)op - offsetof(struct job, op)));
    lmtp->conn.pending--;
    slab_give(&lmtp->conn.shard->letters, lmtp->letter_block);
    lmtp_conn_go_on(lmtp);
}

static struct lmtp_conn *conn_of_job(struct job *job)
{
    return (struct lmtp_conn *)((char *)job - offsetof(struct lmtp_conn, job));
}
