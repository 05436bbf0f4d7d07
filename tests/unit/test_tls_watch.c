/* test_tls_watch: which changes of which files are noticed. */
#include "core/tls_watch.h"

#include "core/tls_tickets.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct config config;
static struct config_tls blocks[2];
static struct tls_watch watch;

static void put(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    cr_assert_not_null(out);
    fputs(text, out);
    fclose(out);
}

static void name(char *out_path, size_t bytes, const char *file)
{
    snprintf(out_path, bytes, "%s/%s", folder, file);
    put(out_path, "first");
}

static void begin(void)
{
    strcpy(folder, "/tmp/ringpost-watch-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    config.tls = blocks;
    config.tls_count = 2;
    name(blocks[0].certificate, sizeof blocks[0].certificate, "certificate");
    name(blocks[0].key, sizeof blocks[0].key, "key");
    name(blocks[0].ocsp, sizeof blocks[0].ocsp, "response");
    name(blocks[0].ticket_keys, sizeof blocks[0].ticket_keys, "tickets");
    name(blocks[0].client_ca, sizeof blocks[0].client_ca, "authorities");
    name(blocks[1].certificate, sizeof blocks[1].certificate, "certificate2");
    name(blocks[1].key, sizeof blocks[1].key, "key2");
    cr_assert_not(tls_watch_changed(&watch, &config));
}

static void end(void)
{
    char *const paths[] = {blocks[0].certificate, blocks[0].key,         blocks[0].ticket_keys,
                           blocks[0].client_ca,   blocks[1].certificate, blocks[1].key,
                           blocks[0].ocsp};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        unlink(paths[i]);
    rmdir(folder);
}

TestSuite(tls_watch, .init = begin, .fini = end, .timeout = 10);

static void expect_noticed(const char *path)
{
    put(path, "second, longer");
    cr_expect(tls_watch_changed(&watch, &config), "%s", path);
    cr_expect_not(tls_watch_changed(&watch, &config), "%s", path);
}

Test(tls_watch, nothing_new_is_nothing)
{
    for (int i = 0; i < 3; i++)
        cr_expect_not(tls_watch_changed(&watch, &config));
}

Test(tls_watch, each_files_change_is_noticed_once)
{
    expect_noticed(blocks[0].certificate);
    expect_noticed(blocks[0].key);
    expect_noticed(blocks[0].ocsp);
    expect_noticed(blocks[0].ticket_keys);
    expect_noticed(blocks[0].client_ca);
    expect_noticed(blocks[1].certificate);
    expect_noticed(blocks[1].key);
}

Test(tls_watch, the_same_size_at_another_time_is_noticed)
{
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000, .tv_nsec = 1}};
    cr_assert_eq(utimensat(AT_FDCWD, blocks[0].key, times, 0), 0);
    cr_expect(tls_watch_changed(&watch, &config));
}

Test(tls_watch, another_file_in_its_place_is_noticed)
{
    char other[128];
    struct stat facts;
    name(other, sizeof other, "other");
    cr_assert_eq(stat(blocks[0].key, &facts), 0);
    const struct timespec times[2] = {facts.st_atim, facts.st_mtim};
    cr_assert_eq(utimensat(AT_FDCWD, other, times, 0), 0);
    cr_assert_eq(rename(other, blocks[0].key), 0);
    cr_expect(tls_watch_changed(&watch, &config));
}

Test(tls_watch, a_file_that_goes_and_comes_is_noticed)
{
    cr_assert_eq(unlink(blocks[1].certificate), 0);
    cr_expect(tls_watch_changed(&watch, &config));
    cr_expect_not(tls_watch_changed(&watch, &config));
    put(blocks[1].certificate, "first");
    cr_expect(tls_watch_changed(&watch, &config));
}

/* The machine may not run as long as that yet: so the last time lies before its start. */
Test(tls_watch, keys_that_are_due_are_noticed)
{
    watch.rotated_s = (uint64_t)-TLS_TICKET_ROTATION_S;
    cr_expect(tls_watch_changed(&watch, &config));
    cr_expect_not(tls_watch_changed(&watch, &config));
}
