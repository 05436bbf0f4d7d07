/* floor_mail: the one mailbox of the floor server, as the bytes that it sends. */
#include "bench/floor_mail.h"

#include "bench/specimen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages that differ, as long as they are not too many octets together. */
#define DIFFERENT_MAX       256
#define DIFFERENT_BYTES_MAX (1U << 30)

#define ROW_BYTES_MAX 64

static struct span answer_of(const struct specimen *letter);
static bool listings(struct floor_mail *mail, const uint64_t *octets);

bool floor_mail_init(struct floor_mail *mail, uint64_t count, uint64_t bytes, uint64_t seed)
{
    *mail = (struct floor_mail){.count = count};
    mail->messages = calloc(count + 1, sizeof *mail->messages);
    uint64_t *octets = calloc(count + 1, sizeof *octets);
    if (mail->messages == NULL || octets == NULL) {
        free(octets);
        return false;
    }
    struct specimen letter;
    specimen_init(&letter);
    uint64_t different =
        bytes * DIFFERENT_MAX > DIFFERENT_BYTES_MAX ? DIFFERENT_BYTES_MAX / bytes : DIFFERENT_MAX;
    for (uint64_t i = 0; i < count; i++) {
        if (i < different) {
            specimen_make(&letter, seed, i, bytes, SPAN_LITERAL("anybody@example.org"));
            mail->messages[i] = answer_of(&letter);
            octets[i] = letter.count;
        } else {
            mail->messages[i] = mail->messages[i % different];
            octets[i] = octets[i % different];
        }
    }
    specimen_fini(&letter);
    bool good = listings(mail, octets);
    free(octets);
    return good;
}

static struct span answer_of(const struct specimen *letter)
{
    struct span wire = specimen_wire(letter);
    char *bytes = malloc(wire.length + ROW_BYTES_MAX);
    if (bytes == NULL)
        return (struct span){NULL, 0};
    int head = snprintf(bytes, ROW_BYTES_MAX, "+OK %zu octets\r\n", letter->count);
    memcpy(bytes + head, wire.bytes, wire.length);
    free((char *)(uintptr_t)wire.bytes);
    return (struct span){bytes, (size_t)head + wire.length};
}

static bool listings(struct floor_mail *mail, const uint64_t *octets)
{
    size_t room = (mail->count + 2) * ROW_BYTES_MAX;
    char *list = malloc(room), *uidl = malloc(room), *stat = malloc(ROW_BYTES_MAX);
    if (list == NULL || uidl == NULL || stat == NULL)
        return false;
    size_t list_bytes = (size_t)snprintf(list, room, "+OK\r\n");
    size_t uidl_bytes = (size_t)snprintf(uidl, room, "+OK\r\n");
    uint64_t sum = 0;
    for (uint64_t i = 0; i < mail->count; i++) {
        list_bytes += (size_t)snprintf(list + list_bytes, ROW_BYTES_MAX,
                                       "%" PRIu64 " %" PRIu64 "\r\n", i + 1, octets[i]);
        uidl_bytes += (size_t)snprintf(uidl + uidl_bytes, ROW_BYTES_MAX,
                                       "%" PRIu64 " floor-%018" PRIu64 "\r\n", i + 1, i + 1);
        sum += octets[i];
    }
    memcpy(list + list_bytes, ".\r\n", 3);
    memcpy(uidl + uidl_bytes, ".\r\n", 3);
    int stat_bytes =
        snprintf(stat, ROW_BYTES_MAX, "+OK %" PRIu64 " %" PRIu64 "\r\n", mail->count, sum);
    mail->stat = (struct span){stat, (size_t)stat_bytes};
    mail->list = (struct span){list, list_bytes + 3};
    mail->uidl = (struct span){uidl, uidl_bytes + 3};
    return true;
}
