/* account: who may log in, from a passwd-file in Dovecot's form.
 *
 * name:{SCHEME}hash:uid:gid:gecos:home:shell:extra — only the first two fields are needed. The file
 * is read whole into one immutable table that all shards share; SIGHUP makes a new one and the old
 * is freed when no shard uses it any more. Finding a user costs one hash and one comparison,
 * however many there are.
 */
#ifndef RINGPOST_CORE_ACCOUNT_H
#define RINGPOST_CORE_ACCOUNT_H

#include "core/password.h"
#include "proto/span.h"

struct accounts;

/* One user; spans are borrowed from the table and live as long as it. */
struct account {
    struct span name;
    enum password_scheme scheme;
    struct span hash;  /* without the {SCHEME} */
    struct span home;  /* the sixth field, or empty */
    struct span extra; /* the eighth field with the words that Dovecot keeps there, or empty */
};

/* Whether nobody can log in as he: the hash is empty, or starts with '!' or '*'. */
bool account_is_locked(const struct account *account);

/* Reads a passwd-file. A damaged line, an unknown scheme or a name given twice is one sentence with
 * file and line in `out_error`, and NULL. Comments (#) and empty lines are passed over. An entry
 * without {SCHEME} is taken as CRYPT (crypt(3) tells by the hash itself), as Dovecot does. */
struct accounts *accounts_read(const char *path, char *out_error, size_t error_bytes);

/* The same from memory, which is copied; `path` is only for the sentence. */
struct accounts *accounts_parse(const char *path, struct span text, char *out_error,
                                size_t error_bytes);

/* Wipes and frees. Takes time in proportion to the file, so it never runs on a shard. */
void accounts_free(struct accounts **accounts);

/* Finds a user by his exact name; false where there is none. A locked user, whose hash is empty or
 * starts with '!' or '*', is found with the hash of accounts_stranger: to check it takes as long as
 * any other. */
bool accounts_find(const struct accounts *accounts, struct span name, struct account *out_account);

uint32_t accounts_count(const struct accounts *accounts);

/* Walks all accounts in the order of the file, a locked one as it is written. Begin with a cursor
 * of 0; false behind the last. */
bool accounts_next(const struct accounts *accounts, uint64_t *cursor, struct account *out_account);

/* What an unknown user is checked against, so that he takes as long as a wrong password: the scheme
 * and the cost that most users of the table have, and a hash of it whose password nobody knows. A
 * caller refuses an unknown user whatever the check says. */
struct account accounts_stranger(const struct accounts *accounts);

#endif
