/* kind: the kinds of sessions, and in which shares they come.
 *
 * A kind is a row of a table: the stages that a session goes through after it has greeted and, if
 * so wished, encrypted. Who adds a kind adds a row. A mix says how often each is drawn. Pure.
 */
#ifndef RINGPOST_BENCH_KIND_H
#define RINGPOST_BENCH_KIND_H

#include "bench/random.h"
#include "bench/target.h"

enum stage {
    STAGE_END, /* of a list of stages */
    STAGE_GREETING,
    STAGE_CAPA,
    STAGE_STLS,
    STAGE_LOGIN,
    STAGE_STAT,
    STAGE_LIST,
    STAGE_UIDL,
    STAGE_TOP,   /* TOP n 0 of every message */
    STAGE_NEW,   /* RETR of what the last session of this user has not seen */
    STAGE_ALL,   /* RETR of every message */
    STAGE_AGAIN, /* RETR of every message, again and again */
    STAGE_DRAIN, /* RETR and DELE of every message */
    STAGE_NOOP,
    STAGE_HOLD,
    STAGE_LHLO, /* LMTP */
    STAGE_DELIVER,
    STAGE_QUIT,
};

#define KIND_STAGES_MAX 8
#define KINDS_MAX       16

struct kind {
    const char *name;
    const char *summary;
    enum target_protocol protocol;
    enum stage stages[KIND_STAGES_MAX]; /* ends with STAGE_END */
};

/* How many kinds there are, and one of them. */
uint32_t kind_count(void);
const struct kind *kind_at(uint32_t index);

struct mix {
    uint32_t shares[KINDS_MAX]; /* by index of the kind */
    uint32_t sum;
};

/* Reads "poll=80,fetch=15,drain=5"; a name alone is a share of 1. False with a sentence that says
 * which kinds there are for this protocol. */
bool mix_parse(const char *text, enum target_protocol protocol, struct mix *out_mix,
               char *out_error, size_t error_bytes);

/* Draws the index of a kind. */
uint32_t mix_draw(const struct mix *mix, struct random *random);

/* Whether any kind of the mix goes through a stage. */
bool mix_has_stage(const struct mix *mix, enum stage stage);

#endif
