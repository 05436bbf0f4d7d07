/* micro_open: what it costs to open a native maildrop and close it, by how many messages it has.
 *
 * The store is made in the folder given, or in the working directory, and removed; all of it is in
 * memory by then. Besides opening, the facts of all messages are read, as LIST does.
 *
 *     micro_open [FOLDER]
 */
#include "bench/micro.h"
#include "core/disk_posix.h"
#include "core/store.h"
#include "proto/must.h"
#include "storage/delivery.h"
#include "storage/mailbox.h"
#include "storage/uidl.h"
#include "storage/users.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FACTS_AT_ONCE 64
#define OPEN_BYTES    (MICRO_ROUND_BYTES / 500) /* so that a round opens 500 times */

static void fill(const struct disk_access *access, const char *path, uint32_t messages)
{
    struct delivery delivery;
    const struct delivery_limits limits = {.message_octets_max = 1 << 20,
                                           .messages_max = UINT32_MAX};
    must(delivery_begin(&delivery, access, path, &limits) == MAIL_DONE);
    for (uint32_t i = 0; i < messages; i++) {
        char uidl[UIDL_MADE_BYTES];
        uidl_make(1, i, uidl);
        if (delivery_batch_room(&delivery) == 0)
            must(delivery_commit(&delivery) == MAIL_DONE);
        must(delivery_write(&delivery, SPAN_LITERAL("Subject: x\n\ntext\n")) == MAIL_DONE);
        must(delivery_message_end(&delivery, (struct span){uidl, sizeof uidl}, 1) == MAIL_DONE);
    }
    must(delivery_commit(&delivery) == MAIL_DONE);
    delivery_end(&delivery);
}

static void measure(const struct disk_access *access, const char *path, uint32_t messages,
                    bool lists)
{
    struct micro micro;
    uint64_t octets = 0;
    micro_init(&micro, lists ? OPEN_BYTES * (1 + messages / 100) : OPEN_BYTES);
    while (micro_goes_on(&micro)) {
        for (size_t at = 0; at < micro.repeats; at++) {
            struct mailbox mailbox = {.driver = &mailbox_native};
            struct mail_view view;
            struct mail_fact facts[FACTS_AT_ONCE];
            must(mailbox_native.open(&mailbox, access, path, &view) == MAIL_DONE);
            for (uint32_t first = 1, count; lists && first <= messages; first += count) {
                const uint32_t rest = messages - first + 1;
                must(mailbox_native.facts(&mailbox, access, first,
                                          rest < FACTS_AT_ONCE ? rest : FACTS_AT_ONCE, facts,
                                          &count) == MAIL_DONE);
                octets += facts[0].octets;
            }
            mailbox_native.close(&mailbox, access->disk);
        }
        micro_round_ends(&micro);
    }
    micro_keep(octets);
    char what[64];
    snprintf(what, sizeof what, "%s %7u messages", lists ? "open, facts of all" : "open", messages);
    micro_print_each(&micro, what, 1);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts, (void)kind, (void)place;
    return remove(path);
}

int main(int argument_count, char **arguments)
{
    static const uint32_t counts[] = {1, 100, 10000, 100000};
    static char scratch[DISK_SCRATCH_BYTES];
    char root[4096], error[256], path[USERS_FOLDER_BYTES];
    bool made;
    snprintf(root, sizeof root, "%s/micro_open-%d", argument_count > 1 ? arguments[1] : ".",
             (int)getpid());
    struct disk *disk = store_open(root, STORE_MAKE_IN_EMPTY, &made, error, sizeof error);
    if (disk == NULL) {
        fprintf(stderr, "micro_open: %s\n", error);
        return 1;
    }
    const struct disk_access access = {disk, DISK_WAIT, scratch};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "user%u", counts[i]);
        must(users_folder(span_of(name), path));
        fill(&access, path, counts[i]);
        measure(&access, path, counts[i], false);
        measure(&access, path, counts[i], true);
    }
    disk_posix_close(&disk);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
