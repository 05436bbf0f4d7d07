/* test_lmtp_user: from an address to a name, or to nobody. */
#include "proto/lmtp_user.h"
#include "proto/pop3.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char name[LMTP_USER_NAME_MAX];
static size_t length;

static bool find(enum lmtp_user_format format, char delimiter, const char *address)
{
    char text[LMTP_ADDRESS_MAX + 3];
    snprintf(text, sizeof(text), "<%s>", address);
    struct span rest = span_of(text);
    struct lmtp_path path;
    cr_assert(lmtp_path_take(&rest, &path) == LMTP_PATH_GOOD, "%s", address);
    struct lmtp_user_rule rule = {.format = format, .delimiter = delimiter};
    memset(name, 'x', sizeof(name));
    return lmtp_user_name(&rule, &path, name, &length);
}

static void expect(enum lmtp_user_format format, char delimiter, const char *address,
                   const char *expected)
{
    cr_assert(find(format, delimiter, address), "%s", address);
    cr_assert(span_equal((struct span){name, length}, span_of(expected)), "%s became %.*s", address,
              (int)length, name);
}

Test(lmtp_user, local_part)
{
    expect(LMTP_USER_LOCAL_PART, '+', "Joe@Example.ORG", "joe");
    expect(LMTP_USER_LOCAL_PART, '+', "joe", "joe");
    expect(LMTP_USER_LOCAL_PART, '+', "joe@[192.0.2.1]", "joe");
    expect(LMTP_USER_LOCAL_PART, '+', "J\xc3\x89@x", "j\xc3\x89");
}

Test(lmtp_user, whole_address)
{
    expect(LMTP_USER_WHOLE_ADDRESS, '+', "Joe@Example.ORG", "joe@example.org");
    expect(LMTP_USER_WHOLE_ADDRESS, '+', "Joe+Lists+More@Example.ORG", "joe@example.org");
    expect(LMTP_USER_WHOLE_ADDRESS, '+', "joe", "joe");
    expect(LMTP_USER_WHOLE_ADDRESS, '-', "joe@my-host", "joe@my-host");
}

Test(lmtp_user, delimiter)
{
    expect(LMTP_USER_LOCAL_PART, '+', "joe+lists@x", "joe");
    expect(LMTP_USER_LOCAL_PART, '+', "joe+@x", "joe");
    expect(LMTP_USER_LOCAL_PART, '+', "+joe@x", "+joe");
    expect(LMTP_USER_LOCAL_PART, '+', "+joe+lists@x", "+joe");
    expect(LMTP_USER_LOCAL_PART, '+', "+@x", "+");
    expect(LMTP_USER_LOCAL_PART, '-', "joe-lists+more@x", "joe");
    expect(LMTP_USER_LOCAL_PART, '\0', "joe+lists@x", "joe+lists");
    expect(LMTP_USER_LOCAL_PART, '+', "\"joe+my lists\"@x", "joe");
}

Test(lmtp_user, quoted_local_parts_are_unquoted)
{
    expect(LMTP_USER_LOCAL_PART, '+', "\"Joe\"@x", "joe");
    expect(LMTP_USER_LOCAL_PART, '+', "\"j\\o\\e\"@x", "joe");
    expect(LMTP_USER_LOCAL_PART, '+', "\"joe smith\"@x", "joe smith");
    expect(LMTP_USER_LOCAL_PART, '+', "\"a\\\"b\\\\c\"@x", "a\"b\\c");
    expect(LMTP_USER_WHOLE_ADDRESS, '+', "\"../joe\"@x", "../joe@x");
}

/* joe@x, quoted, must not read as the user of that whole name. */
Test(lmtp_user, an_at_sign_makes_no_other_user)
{
    cr_assert(!find(LMTP_USER_LOCAL_PART, '+', "\"joe@x\"@y"));
    cr_assert(!find(LMTP_USER_WHOLE_ADDRESS, '+', "\"joe@x\"@y"));
    cr_assert(!find(LMTP_USER_LOCAL_PART, '+', "\"joe\\@x\""));
}

Test(lmtp_user, length_at_the_edge)
{
    cr_assert(LMTP_USER_NAME_MAX == POP3_USER_NAME_MAX);
    char address[LMTP_USER_NAME_MAX + 32];
    memset(address, 'a', sizeof(address));
    strcpy(address + LMTP_USER_NAME_MAX, "@x");
    cr_assert(find(LMTP_USER_LOCAL_PART, '+', address) && length == LMTP_USER_NAME_MAX);
    cr_assert(!find(LMTP_USER_WHOLE_ADDRESS, '+', address));
    strcpy(address + LMTP_USER_NAME_MAX, "a@x");
    cr_assert(!find(LMTP_USER_LOCAL_PART, '+', address));
    strcpy(address + LMTP_USER_NAME_MAX, "+a@x");
    cr_assert(find(LMTP_USER_LOCAL_PART, '+', address) && length == LMTP_USER_NAME_MAX);
    strcpy(address + LMTP_USER_NAME_MAX - 2, "@x");
    cr_assert(find(LMTP_USER_WHOLE_ADDRESS, '+', address) && length == LMTP_USER_NAME_MAX);
}
