/* test_maildir_list: many names found again, in order, and every want of memory. */
#include "storage/maildir_list.h"
#include "tests/support/fake_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#define MANY 5000

static struct span name_of(uint32_t number, char text[32])
{
    return (struct span){text, (size_t)snprintf(text, 32, "%u.M%u.h:2,S", number / 3, number % 3)};
}

static bool fill(struct maildir_list *list)
{
    char text[32];
    for (uint32_t i = 0; i < MANY; i++)
        if (!maildir_list_add(list, name_of((i * 7919) % MANY, text), i % 2 == 0))
            return false;
    return true;
}

Test(maildir_list, many_are_found_and_put_in_order)
{
    struct disk *disk = fake_disk_make();
    struct maildir_list list;
    char text[32];
    maildir_list_init(&list, disk);
    for (int round = 0; round < 2; round++) {
        cr_assert(fill(&list));
        cr_assert_eq(list.count, MANY);
        for (uint32_t i = 0; i < MANY; i++) {
            struct maildir_item *item = maildir_list_find(&list, name_of(i, text));
            cr_assert_not_null(item);
            cr_assert(span_equal(maildir_list_name(&list, item), name_of(i, text)));
            item->octets = i;
            item->uid = i < 100 ? 100 - i : 0;
            item->order = i == 1000 ? 5 : UINT32_MAX;
            item->is_left_out = i == 200;
        }
        cr_assert_null(maildir_list_find(&list, SPAN_LITERAL("1.M9.h")));
        cr_assert(maildir_list_sort(&list));
        cr_assert_eq(list.count, MANY - 1);
        cr_assert_eq(list.items[0].octets, 1000);
        for (uint32_t i = 1; i <= 100; i++)
            cr_assert_eq(list.items[i].octets, 100 - i);
        for (uint32_t i = 102; i < list.count; i++)
            cr_assert_lt(list.items[i - 1].octets, list.items[i].octets);
        maildir_list_clear(&list);
    }
    maildir_list_fini(&list);
    cr_assert_eq(fake_disk_blocks(disk), 0);
    fake_disk_free(&disk);
}

Test(maildir_list, a_file_seen_twice_is_one)
{
    struct disk *disk = fake_disk_make();
    struct maildir_list list;
    maildir_list_init(&list, disk);
    cr_assert(maildir_list_add(&list, SPAN_LITERAL("1.h"), true));
    cr_assert(maildir_list_add(&list, SPAN_LITERAL("1.h:2,S"), false));
    cr_assert(maildir_list_add(&list, SPAN_LITERAL(".x"), false));
    cr_assert(maildir_list_add(&list, SPAN_LITERAL(":2,"), false));
    cr_assert_eq(list.count, 1);
    const struct maildir_item *item = maildir_list_find(&list, SPAN_LITERAL("1.h:2,FRS"));
    cr_assert(!item->in_new && item->name_bytes == 7 && item->base_bytes == 3);
    maildir_list_fini(&list);
    maildir_list_fini(&list);
    fake_disk_free(&disk);
}

Test(maildir_list, every_want_of_memory_is_told)
{
    struct disk *disk = fake_disk_make();
    for (uint64_t at = 1;; at++) {
        struct maildir_list list;
        maildir_list_init(&list, disk);
        fake_disk_fail_at(disk, at, ENOMEM);
        bool done = fill(&list) && maildir_list_sort(&list);
        fake_disk_fail_at(disk, 0, 0);
        maildir_list_fini(&list);
        cr_assert_eq(fake_disk_blocks(disk), 0);
        if (done)
            break;
        cr_assert_lt(at, 100);
    }
    fake_disk_free(&disk);
}
