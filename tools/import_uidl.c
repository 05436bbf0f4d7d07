/* import_uidl: which messages are there already, and what is a new one's UIDL; see import_uidl.h.
 *
 * It owns nothing: what is known, and the memory of it, are the import's.
 */
#include "tools/import_uidl.h"

#include "proto/must.h"
#include "storage/uidl.h"

static enum import_choice make_uidl(struct import *import, const struct import_label *label,
                                    char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length);
static bool is_there(enum known_state state);
static bool meet(struct import *import, const struct import_label *label, struct span uidl);
static bool keep_shared(struct import *import, const struct import_label *label);
static void say_refused_uidl(struct import *import, const struct import_label *label);
static struct span file_key(const struct import_label *label, char out_key[IMPORT_MEMORY_LINE_MAX]);

bool import_uidl_is_known(struct import *import, const struct import_label *label)
{
    char key_bytes[IMPORT_MEMORY_LINE_MAX], uidl[MAIL_UIDL_MAX];
    uint8_t length = 0;
    const struct span key = file_key(label, key_bytes);
    if (key.length > 0 && known_find(&import->known, key) == KNOWN_EARLIER)
        return known_set(&import->known, key, KNOWN_NOW);
    if (label->uidl.length > 0 && uidl_is_valid(label->uidl))
        return is_there(known_find(&import->known, label->uidl)) &&
               meet(import, label, label->uidl) && keep_shared(import, label);
    return label->key.length > 0 && make_uidl(import, label, uidl, &length) == IMPORT_KNOWN;
}

enum import_choice import_uidl_choose(struct import *import, const struct import_label *label,
                                      char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length)
{
    if (label->uidl.length > 0 && uidl_is_valid(label->uidl)) {
        const enum known_state state = known_find(&import->known, label->uidl);
        if (is_there(state))
            return meet(import, label, label->uidl) && keep_shared(import, label) ? IMPORT_KNOWN
                                                                                  : IMPORT_FAILED;
        if (state == KNOWN_NOT) {
            for (size_t i = 0; i < label->uidl.length; i++)
                out_uidl[i] = label->uidl.bytes[i];
            *out_length = (uint8_t)label->uidl.length;
            return IMPORT_TAKE;
        }
    }
    const enum import_choice choice = make_uidl(import, label, out_uidl, out_length);
    if (choice == IMPORT_TAKE && label->uidl.length > 0)
        say_refused_uidl(import, label);
    return choice;
}

bool import_uidl_remember(struct import *import, const struct import_label *label, struct span uidl)
{
    char key_bytes[IMPORT_MEMORY_LINE_MAX];
    const struct span key = label->is_guess ? file_key(label, key_bytes) : (struct span){"", 0};
    import_memory_note(&import->memory, uidl);
    import_memory_note(&import->memory, key);
    return known_set(&import->known, uidl, KNOWN_NOW) &&
           (key.length == 0 || known_set(&import->known, key, KNOWN_NOW));
}

static enum known_state made_state(const struct import *import, struct span key, uint32_t round,
                                   char out_uidl[UIDL_MADE_BYTES])
{
    uidl_make((uint32_t)content_hash_of(key, 2 * round), content_hash_of(key, 2 * round + 1),
              out_uidl);
    return known_find(&import->known, (struct span){out_uidl, UIDL_MADE_BYTES});
}

static struct span key_of(const struct import *import, const struct import_label *label)
{
    must(label->key.length > 0 || import->content_counts);
    return label->key.length > 0 ? label->key
                                 : (struct span){(const char *)import->digest, CONTENT_HASH_BYTES};
}

/* The same message gives the same UIDL in each import; of several with the same key each gives the
 * first that was not met in this one. Those that were met are the first ones, so that it is found
 * by halving: a folder may hold the same message a hundred thousand times. */
static enum import_choice make_uidl(struct import *import, const struct import_label *label,
                                    char out_uidl[MAIL_UIDL_MAX], uint8_t *out_length)
{
    const struct span key = key_of(import, label);
    uint32_t met = 0, free_round = 0;
    while (made_state(import, key, free_round, out_uidl) == KNOWN_NOW) {
        met = free_round + 1;
        free_round = free_round * 2 + 1;
    }
    while (met < free_round) {
        const uint32_t middle = met + (free_round - met) / 2;
        if (made_state(import, key, middle, out_uidl) == KNOWN_NOW)
            met = middle + 1;
        else
            free_round = middle;
    }
    const enum known_state state = made_state(import, key, free_round, out_uidl);
    *out_length = UIDL_MADE_BYTES;
    if (state == KNOWN_NOT)
        return IMPORT_TAKE;
    return meet(import, label, (struct span){out_uidl, UIDL_MADE_BYTES}) ? IMPORT_KNOWN
                                                                         : IMPORT_FAILED;
}

/* Messages that came under made UIDLs, because they shared this one: the old server may have it for
 * one of them now, and the message that we have under it may be the one that is gone. */
static bool keep_shared(struct import *import, const struct import_label *label)
{
    if (!import->order->removes_gone)
        return true;
    const struct span key = key_of(import, label);
    char uidl[UIDL_MADE_BYTES];
    for (uint32_t round = 0; made_state(import, key, round, uidl) == KNOWN_EARLIER; round++) {
        if (!known_set(&import->known, (struct span){uidl, sizeof uidl}, KNOWN_SHARED))
            return false;
    }
    return true;
}

/* A message that is there came by an import whose memory of it was lost: by a crash, or because the
 * disk was full just then. Unless it is noted now, it comes back when the user removes it. */
static bool meet(struct import *import, const struct import_label *label, struct span uidl)
{
    return known_find(&import->known, uidl) == KNOWN_LIVE
               ? import_uidl_remember(import, label, uidl)
               : known_set(&import->known, uidl, KNOWN_NOW);
}

/* The key under which a file's name is known: no UIDL can have a blank. */
static struct span file_key(const struct import_label *label, char out_key[IMPORT_MEMORY_LINE_MAX])
{
    if (label->file.length == 0 || label->file.length >= IMPORT_MEMORY_LINE_MAX - 1)
        return (struct span){"", 0};
    out_key[0] = ' ';
    for (size_t i = 0; i < label->file.length; i++)
        out_key[1 + i] = label->file.bytes[i];
    return (struct span){out_key, label->file.length + 1};
}

/* Before this import: a UIDL that was foretold may mean another message. */
static bool is_there(enum known_state state)
{
    return state == KNOWN_LIVE || state == KNOWN_EARLIER || state == KNOWN_SHARED;
}

static void say_refused_uidl(struct import *import, const struct import_label *label)
{
    const int shown = label->uidl.length < 100 ? (int)label->uidl.length : 100;
    progress_hide(&import->progress);
    if (uidl_is_valid(label->uidl))
        command_say("%s has the UIDL %.*s of another message: it gets a new one, and will be "
                    "downloaded once more",
                    label->where, shown, label->uidl.bytes);
    else
        command_say("%s has the UIDL %.*s, which is no valid one (1 to %d characters without "
                    "blanks): it gets a new one, and will be downloaded once more",
                    label->where, shown, label->uidl.bytes, MAIL_UIDL_MAX);
}
