/* test_account_quota: Dovecot's quota rules in the last field of a passwd-file. */
#include "core/account.h"
#include "core/account_quota.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define G (UINT64_C(1) << 30)

struct rule {
    const char *extra;
    uint64_t octets;
    uint32_t messages;
};

/* 7 and 8 stand for what the configuration says. */
static void check(const struct rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct account_quota quota = {7, 8};
        const char *fault = account_quota_take(span_of(rules[i].extra), &quota);
        cr_expect_null(fault, "%s: %s", rules[i].extra, fault);
        cr_expect_eq(quota.octets, rules[i].octets, "%s: %ju", rules[i].extra,
                     (uintmax_t)quota.octets);
        cr_expect_eq(quota.messages, rules[i].messages, "%s", rules[i].extra);
    }
}

Test(account_quota, rules)
{
    static const struct rule rules[] = {
        {"", 7, 8},
        {"userdb_quota_rule=*:bytes=1G:messages=1000", G, 1000},
        {"userdb_quota_rule=*:bytes=1G", G, 8},
        {"quota_rule=*:messages=3", 7, 3},
        {"userdb_mail=maildir:~/Maildir userdb_quota_rule=*:bytes=5 nopassword=y", 5, 8},
        {"userdb_quota_rule=*:storage=1024", 1024 * 1024, 8},
        {"userdb_quota_rule=*:storage=2M:messages=0", 2 * 1024 * 1024, 0},
        {"userdb_quota_rule=*:storage=10b", 10, 8},
        {"userdb_quota_rule=*:bytes=0", 0, 8},
        {"userdb_quota_rule=*:bytes=2t", 2048 * G, 8},
        {"userdb_quota_rule=*:bytes=3k userdb_quota_rule2=*:messages=9", 3072, 9},
        {"userdb_quota_rule=*:ignore", 0, 0},
        {"userdb_quota_rule=Trash:bytes=+100M", 7, 8},
        {"userdb_quota_rule=*", 7, 8},
        {"userdb_quota_rules=*:bytes=x quota_rule_x=1 quota=2", 7, 8},
        {"userdb_quota_rule=*:bytes=9223372036854775807", INT64_MAX, 8},
        {"userdb_quota_rule=*:messages=4294967295", 7, UINT32_MAX},
    };
    check(rules, sizeof rules / sizeof rules[0]);
}

Test(account_quota, mistakes)
{
    static const char *const wrong[] = {
        "userdb_quota_rule=*:bytes=",
        "userdb_quota_rule=*:bytes=1X",
        "userdb_quota_rule=*:bytes=-1",
        "userdb_quota_rule=*:bytes=G",
        "userdb_quota_rule=*:bytes=10%",
        "userdb_quota_rule=*:bytes=+1G",
        "userdb_quota_rule=*:bytes=9223372036854775808",
        "userdb_quota_rule=*:bytes=8388608T",
        "userdb_quota_rule=*:messages=4294967296",
        "userdb_quota_rule=*:messages=1K",
        "userdb_quota_rule=*:size=1",
        "a quota_rule=*:messages=x",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct account_quota quota = {7, 8};
        cr_expect_not_null(account_quota_take(span_of(wrong[i]), &quota), "%s", wrong[i]);
    }
}

/* A table knows what stands in the eighth field, colons and all, and refuses what cannot be read.
 */
Test(account_quota, in_a_passwd_file)
{
    char error[300];
    struct account account;
    struct span text = SPAN_LITERAL("a:{PLAIN}x\n"
                                    "b:{PLAIN}x::::::userdb_quota_rule=*:bytes=5:messages=6\r\n"
                                    "c:{PLAIN}x:1:2:gecos:/home:/bin/sh:\n"
                                    "d:{PLAIN}x:1:2:gecos:/home:/bin/sh\n");
    struct accounts *accounts = accounts_parse("FILE", text, error, sizeof error);
    cr_assert_not_null(accounts, "%s", error);
    cr_assert(accounts_find(accounts, SPAN_LITERAL("b"), &account));
    cr_expect(span_equal(account.extra, SPAN_LITERAL("userdb_quota_rule=*:bytes=5:messages=6")));
    static const char *const others[] = {"a", "c", "d"};
    for (size_t i = 0; i < 3; i++) {
        cr_assert(accounts_find(accounts, span_of(others[i]), &account));
        cr_expect_eq(account.extra.length, 0, "%s", others[i]);
    }
    accounts_free(&accounts);
    text = SPAN_LITERAL("a:{PLAIN}x\nb:{PLAIN}x::::::userdb_quota_rule=*:bytes=lots\n");
    cr_expect_null(accounts_parse("FILE", text, error, sizeof error));
    cr_expect_str_eq(error, "FILE:2: its quota cannot be read; write "
                            "userdb_quota_rule=*:bytes=1G or userdb_quota_rule=*:messages=1000, "
                            "or both: *:bytes=1G:messages=1000");
}
