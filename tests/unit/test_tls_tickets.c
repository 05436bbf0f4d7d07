/* test_tls_tickets: tickets sealed and opened, keys that grow old, and the file that a farm shares.
 */
#include "core/tls_tickets.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICKET_BYTES 200
#define LINE_BYTES   (32 + 1 + 64 + 1)

/* A sealed ticket, as a client would send it back. */
struct sealed {
    uint8_t bytes[TICKET_BYTES];
    uint8_t name[TLS_TICKET_NAME_BYTES], iv[TLS_TICKET_IV_BYTES], tag[TLS_TICKET_TAG_BYTES];
};

static void fill(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(i * 7 + 3);
}

static struct sealed seal(const struct tls_tickets *tickets)
{
    struct sealed sealed;
    fill(sealed.bytes, TICKET_BYTES);
    cr_assert(
        tls_tickets_seal(tickets, sealed.bytes, TICKET_BYTES, sealed.name, sealed.iv, sealed.tag));
    return sealed;
}

/* A copy is opened, so that a ticket can be tried twice. */
static bool opens(const struct tls_tickets *tickets, struct sealed sealed, bool *out_is_old)
{
    uint8_t plain[TICKET_BYTES];
    fill(plain, TICKET_BYTES);
    return tls_tickets_open(tickets, sealed.bytes, TICKET_BYTES, sealed.name, sealed.iv, sealed.tag,
                            out_is_old) &&
           memcmp(sealed.bytes, plain, TICKET_BYTES) == 0;
}

Test(tls_tickets, what_was_sealed_opens)
{
    bool is_old = true;
    struct tls_tickets *tickets = tls_tickets_make(NULL);
    const struct sealed sealed = seal(tickets);
    uint8_t plain[TICKET_BYTES];
    fill(plain, TICKET_BYTES);
    cr_expect_neq(memcmp(sealed.bytes, plain, TICKET_BYTES), 0);
    cr_expect(opens(tickets, sealed, &is_old));
    cr_expect_not(is_old);
    tls_tickets_free(&tickets);
    cr_expect_null(tickets);
    tls_tickets_free(&tickets);
}

Test(tls_tickets, every_length_opens)
{
    struct tls_tickets *tickets = tls_tickets_make(NULL);
    for (size_t bytes = 0; bytes <= 70; bytes++) {
        uint8_t ticket[70], plain[70];
        uint8_t name[TLS_TICKET_NAME_BYTES], iv[TLS_TICKET_IV_BYTES], tag[TLS_TICKET_TAG_BYTES];
        bool is_old = true;
        fill(plain, sizeof plain);
        fill(ticket, sizeof ticket);
        cr_assert(tls_tickets_seal(tickets, ticket, bytes, name, iv, tag));
        cr_expect_eq(memcmp(ticket + bytes, plain + bytes, sizeof plain - bytes), 0);
        cr_expect(tls_tickets_open(tickets, ticket, bytes, name, iv, tag, &is_old), "%zu", bytes);
        cr_expect_eq(memcmp(ticket, plain, sizeof plain), 0);
    }
    tls_tickets_free(&tickets);
}

Test(tls_tickets, no_two_seals_are_alike)
{
    struct tls_tickets *tickets = tls_tickets_make(NULL);
    const struct sealed one = seal(tickets), two = seal(tickets);
    cr_expect_eq(memcmp(one.name, two.name, sizeof one.name), 0);
    cr_expect_neq(memcmp(one.iv, two.iv, sizeof one.iv), 0);
    cr_expect_neq(memcmp(one.bytes, two.bytes, sizeof one.bytes), 0);
    tls_tickets_free(&tickets);
}

Test(tls_tickets, a_changed_bit_breaks_the_seal)
{
    struct tls_tickets *tickets = tls_tickets_make(NULL);
    const struct sealed sealed = seal(tickets);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        struct sealed changed = sealed;
        uint8_t *bytes = (uint8_t *)&changed;
        bool is_old;
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1U << bit % 8);
        cr_assert_not(tls_tickets_open(tickets, changed.bytes, TICKET_BYTES, changed.name,
                                       changed.iv, changed.tag, &is_old),
                      "bit %zu", bit);
    }
    tls_tickets_free(&tickets);
}

Test(tls_tickets, a_shorter_ticket_does_not_open)
{
    bool is_old;
    struct tls_tickets *tickets = tls_tickets_make(NULL);
    for (size_t bytes = 0; bytes < TICKET_BYTES; bytes++) {
        struct sealed sealed = seal(tickets);
        cr_assert_not(tls_tickets_open(tickets, sealed.bytes, bytes, sealed.name, sealed.iv,
                                       sealed.tag, &is_old));
    }
    tls_tickets_free(&tickets);
}

Test(tls_tickets, anothers_ticket_does_not_open)
{
    bool is_old;
    struct tls_tickets *ours = tls_tickets_make(NULL), *other = tls_tickets_make(NULL);
    cr_expect_not(opens(ours, seal(other), &is_old));
    tls_tickets_free(&ours);
    tls_tickets_free(&other);
}

Test(tls_tickets, a_key_is_kept_for_as_many_rotations_as_there_are_places)
{
    struct tls_tickets *tickets = tls_tickets_make(NULL);
    const struct sealed sealed = seal(tickets);
    for (int age = 1; age <= TLS_TICKET_KEYS_MAX; age++) {
        bool is_old = false;
        struct tls_tickets *next = tls_tickets_make(tickets);
        tls_tickets_free(&tickets);
        tickets = next;
        cr_expect_eq(opens(tickets, sealed, &is_old), age < TLS_TICKET_KEYS_MAX, "%d", age);
        cr_expect_eq(is_old, age < TLS_TICKET_KEYS_MAX, "%d", age);
        cr_expect(opens(tickets, seal(tickets), &is_old) && !is_old);
    }
    tls_tickets_free(&tickets);
}

/* ---- the file, in a folder of each test's own */

static char folder[64], path[128], error[512];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/ringpost-tickets-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/keys", folder);
}

static void remove_folder(void)
{
    static const char *const names[] = {"keys", "keys.new", "link"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        unlink(name);
    }
    rmdir(path);
    cr_expect_eq(rmdir(folder), 0, "a file was left behind");
}

TestSuite(tls_tickets_file, .init = make_folder, .fini = remove_folder);

static void write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, mode), 0);
}

static size_t read_file(char out_text[1024])
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    const size_t bytes = fread(out_text, 1, 1023, file);
    fclose(file);
    out_text[bytes] = '\0';
    return bytes;
}

/* Reading fails, with a sentence that has `words` and nothing of a key. */
static void expect_refused(const char *words)
{
    struct tls_tickets *tickets = tls_tickets_read(path, error, sizeof error);
    cr_expect_null(tickets, "%s", words);
    cr_expect_not_null(strstr(error, words), "%s", error);
    cr_expect_eq(strncmp(error, path, strlen(path)), 0, "%s", error);
    cr_expect_null(strstr(error, "abababab"), "%s", error);
    tls_tickets_free(&tickets);
}

#define NAME_A "000102030405060708090A0b0c0d0e0f"
#define NAME_B "100102030405060708090a0b0c0d0e0f"
#define KEY    "abababababababababababababababababababababababababababababababab"

Test(tls_tickets_file, two_servers_of_a_farm_open_each_others_tickets)
{
    bool is_old = true;
    write_file(NAME_A " " KEY "\n" NAME_B " " KEY "\n", 0600);
    struct tls_tickets *one = tls_tickets_read(path, error, sizeof error);
    struct tls_tickets *two = tls_tickets_read(path, error, sizeof error);
    cr_assert(one != NULL && two != NULL, "%s", error);
    const struct sealed sealed = seal(one);
    cr_expect_eq(sealed.name[0], 0, "the first line is the newest");
    cr_expect_eq(sealed.name[10], 10);
    cr_expect(opens(two, sealed, &is_old) && !is_old);
    tls_tickets_free(&one);
    tls_tickets_free(&two);
}

Test(tls_tickets_file, a_ticket_opens_only_under_its_own_name)
{
    bool is_old;
    write_file(NAME_A " " KEY "\n" NAME_B " " KEY "\n", 0600);
    struct tls_tickets *tickets = tls_tickets_read(path, error, sizeof error);
    cr_assert_not_null(tickets, "%s", error);
    struct sealed sealed = seal(tickets);
    cr_expect(opens(tickets, sealed, &is_old));
    sealed.name[0] = 0x10;
    cr_expect_not(opens(tickets, sealed, &is_old), "both keys are the same, the names are not");
    tls_tickets_free(&tickets);
}

Test(tls_tickets_file, is_made_and_rotated)
{
    char before[1024], after[1024];
    struct stat facts;
    for (size_t keys = 1; keys <= TLS_TICKET_KEYS_MAX + 2; keys++) {
        const size_t kept = keys < TLS_TICKET_KEYS_MAX ? keys : TLS_TICKET_KEYS_MAX;
        cr_assert(tls_tickets_rotate_file(path, error, sizeof error), "%s", error);
        cr_assert_eq(read_file(after), kept * LINE_BYTES);
        if (keys > 1)
            cr_expect_eq(memcmp(after + LINE_BYTES, before, (kept - 1) * LINE_BYTES), 0);
        cr_assert(stat(path, &facts) == 0 && (facts.st_mode & 07777) == 0600);
        memcpy(before, after, sizeof before);
        struct tls_tickets *tickets = tls_tickets_read(path, error, sizeof error);
        cr_assert_not_null(tickets, "%s", error);
        tls_tickets_free(&tickets);
    }
}

Test(tls_tickets_file, rotation_keeps_tickets_alive)
{
    bool is_old = false;
    cr_assert(tls_tickets_rotate_file(path, error, sizeof error), "%s", error);
    struct tls_tickets *before = tls_tickets_read(path, error, sizeof error);
    cr_assert(tls_tickets_rotate_file(path, error, sizeof error), "%s", error);
    struct tls_tickets *after = tls_tickets_read(path, error, sizeof error);
    cr_expect(opens(after, seal(before), &is_old) && is_old);
    cr_expect_not(opens(before, seal(after), &is_old));
    tls_tickets_free(&before);
    tls_tickets_free(&after);
}

Test(tls_tickets_file, rotation_keeps_a_link_and_clears_what_a_crash_left)
{
    char link[160], left[160];
    struct stat facts;
    snprintf(link, sizeof link, "%s/link", folder);
    snprintf(left, sizeof left, "%s/keys.new", folder);
    cr_assert(tls_tickets_rotate_file(path, error, sizeof error));
    cr_assert_eq(symlink("keys", link), 0);
    cr_assert_eq(symlink("keys", left), 0);
    cr_assert(tls_tickets_rotate_file(link, error, sizeof error), "%s", error);
    cr_expect(lstat(link, &facts) == 0 && S_ISLNK(facts.st_mode));
    cr_expect(lstat(path, &facts) == 0 && facts.st_size == 2 * LINE_BYTES);
    cr_expect(lstat(left, &facts) < 0 && errno == ENOENT);
}

Test(tls_tickets_file, rotation_changes_nothing_that_it_cannot_read)
{
    char text[1024];
    write_file("not a key\n", 0600);
    cr_expect_not(tls_tickets_rotate_file(path, error, sizeof error));
    cr_expect_not_null(strstr(error, "keys:1: "), "%s", error);
    read_file(text);
    cr_expect_str_eq(text, "not a key\n");
    cr_expect_not(tls_tickets_rotate_file("/nonexistent/keys", error, sizeof error));
    cr_expect_not_null(strstr(error, "/nonexistent/keys: its folder"), "%s", error);
}

Test(tls_tickets_file, damaged_files_are_refused)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "is empty"},
        {"\n", ":1: "},
        {NAME_A " " KEY, ":1: "},
        {NAME_A " " KEY "\r\n", ":1: "},
        {NAME_A "  " KEY "\n", ":1: "},
        {NAME_A ":" KEY "\n", ":1: "},
        {NAME_A " " KEY "ab\n", ":1: "},
        {KEY " " NAME_A "\n", ":1: "},
        {"g00102030405060708090a0b0c0d0e0f " KEY "\n", ":1: "},
        {NAME_A " " KEY "\n" NAME_B " " KEY, ":2: "},
        {NAME_A " " KEY "\n" NAME_B " " KEY "\n\n", ":3: "},
        {NAME_A " " KEY "\n" NAME_A " " KEY "\n", ":2: a key above has this name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].text, 0600);
        expect_refused(cases[i].words);
    }
}

Test(tls_tickets_file, more_keys_than_places_are_refused)
{
    char text[(TLS_TICKET_KEYS_MAX + 1) * LINE_BYTES + 1];
    for (int i = 0; i <= TLS_TICKET_KEYS_MAX; i++)
        snprintf(text + i * LINE_BYTES, LINE_BYTES + 1, "%02x%s %s\n", i, &NAME_A[2], KEY);
    write_file(text, 0600);
    expect_refused(":5: there can be 4 keys");
}

Test(tls_tickets_file, what_others_may_read_or_write_is_refused)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0644, 0666};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        write_file(NAME_A " " KEY "\n", modes[i]);
        expect_refused("others than its owner");
    }
}

Test(tls_tickets_file, what_is_no_file_is_refused)
{
    expect_refused("cannot be opened");
    cr_assert_eq(mkdir(path, 0700), 0);
    expect_refused("is not a file");
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_refused("is not a file");
}
