/* test_config: defaults, values, ranges, listeners, and a helpful sentence for each mistake. */
#include "core/config.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENER "listener pop3 { address = \"127.0.0.1:1110\" }\n"

static struct config config;
static char error[400];

/* Reads `text` from a file; a sentence has its name exchanged by FILE. */
static bool read_text(const char *text, size_t count)
{
    char path[] = "/tmp/ringpost-config-XXXXXX", sentence[400] = "";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, text, count), (ssize_t)count);
    close(file);
    bool good = config_read(path, &config, sentence, sizeof sentence);
    unlink(path);
    bool named = strncmp(sentence, path, strlen(path)) == 0;
    snprintf(error, sizeof error, "%s%.390s", named ? "FILE" : "",
             sentence + (named ? strlen(path) : 0));
    return good;
}

static void take(const char *text)
{
    cr_assert(read_text(text, strlen(text)), "%s", error);
}

/* The sentence begins with `sentence` and is one line. */
static void refuse(const char *text, const char *sentence)
{
    cr_expect_not(read_text(text, strlen(text)), "%s", text);
    cr_expect_eq(strncmp(error, sentence, strlen(sentence)), 0, "%s: %s", text, error);
    cr_expect_null(strchr(error, '\n'));
}

Test(config, defaults)
{
    take(LISTENER);
    cr_expect_str_eq(config.store, "/var/lib/ringpost");
    cr_expect_str_eq(config.passwd_file, "/etc/ringpost/passwd");
    cr_expect_eq(config.shards, 0);
    cr_expect_eq(config.plaintext_login, CONFIG_PLAINTEXT_LOCAL);
    cr_expect_not(config.apop);
    cr_expect_not(config.last);
    cr_expect_eq(config.connections_max, 1000000);
    cr_expect_eq(config.connections_per_address_max, 1000);
    cr_expect_eq(config.login_ms, 60000);
    cr_expect_eq(config.idle_ms, 600000);
    cr_expect_eq(config.shutdown_ms, 30000);
    cr_expect_eq(config.refusals_before_login_max, 5);
    cr_expect_eq(config.refusals_after_login_max, 20);
    cr_expect_eq(config.pipelined_bytes_max, 65536);
    cr_expect_eq(config.message_bytes_max, 67108864);
    cr_expect_eq(config.messages_max, 1000000);
    cr_expect_eq(config.login_cache_s, 3600);
    cr_expect_eq(config.login_cache_entries, 65536);
    cr_expect_eq(config.hash_queue_max, 1024);
    cr_expect_eq(config.hash_threads, 0);
    cr_expect_eq(config.disk_threads, 32);
    cr_assert_eq(config.listener_count, 1);
    cr_expect_str_eq(config.listeners[0].name, "pop3");
    cr_expect_str_eq(config.listeners[0].address, "127.0.0.1:1110");
    cr_expect_eq(config.listeners[0].line, 1);
}

Test(config, every_key)
{
    take("# all of them\n"
         "store = /srv/mail\n passwd-file = \"users\"\nshards=2 plaintext-login = never\n"
         "apop = yes\nlast = on\nconnections = 10\nconnections-per-address = 3\n"
         "login-timeout = 10\nidle-timeout = 86400\nshutdown-timeout = 0\n"
         "refusals-before-login = 3\nrefusals-after-login = 1000\npipelined-bytes = 16384\n"
         "message-size = 4000000000\nmessages = 7\nlogin-cache-time = 0\n"
         "login-cache-entries = 0\npassword-queue = 1\npassword-threads = 4\n"
         "disk-threads = 1\n" LISTENER);
    cr_expect_str_eq(config.store, "/srv/mail");
    cr_expect_str_eq(config.passwd_file, "users");
    cr_expect_eq(config.shards, 2);
    cr_expect_eq(config.plaintext_login, CONFIG_PLAINTEXT_NEVER);
    cr_expect(config.apop);
    cr_expect(config.last);
    cr_expect_eq(config.connections_max, 10);
    cr_expect_eq(config.connections_per_address_max, 3);
    cr_expect_eq(config.login_ms, 10000);
    cr_expect_eq(config.idle_ms, 86400000);
    cr_expect_eq(config.shutdown_ms, 0);
    cr_expect_eq(config.refusals_before_login_max, 3);
    cr_expect_eq(config.refusals_after_login_max, 1000);
    cr_expect_eq(config.pipelined_bytes_max, 16384);
    cr_expect_eq(config.message_bytes_max, 4000000000);
    cr_expect_eq(config.messages_max, 7);
    cr_expect_eq(config.login_cache_s, 0);
    cr_expect_eq(config.login_cache_entries, 0);
    cr_expect_eq(config.hash_queue_max, 1);
    cr_expect_eq(config.hash_threads, 4);
    cr_expect_eq(config.disk_threads, 1);
    take("plaintext-login = \"always\"\n" LISTENER);
    cr_expect_eq(config.plaintext_login, CONFIG_PLAINTEXT_ALWAYS);
}

Test(config, listeners)
{
    take("listener pop3 {\n"
         "  address = \"127.0.0.1:1110\"\n"
         "}\n"
         "listener inside { address = {\"[::1]:1110\",\n"
         "                             unix:/run/pop3} }\n"
         "listener pop3 { address = 0.0.0.0:0 address = 0.0.0.0:0 }\n");
    cr_assert_eq(config.listener_count, 5);
    static const struct {
        const char *name, *address;
        int line, family;
    } expected[] = {
        {"pop3", "127.0.0.1:1110", 2, AF_INET},   {"inside", "[::1]:1110", 4, AF_INET6},
        {"inside", "unix:/run/pop3", 5, AF_UNIX}, {"pop3", "0.0.0.0:0", 6, AF_INET},
        {"pop3", "0.0.0.0:0", 6, AF_INET},
    };
    for (size_t i = 0; i < 5; i++) {
        cr_expect_str_eq(config.listeners[i].name, expected[i].name);
        cr_expect_str_eq(config.listeners[i].address, expected[i].address);
        cr_expect_eq(config.listeners[i].line, expected[i].line, "%zu", i);
        cr_expect_eq(config.listeners[i].socket_address.ss_family, expected[i].family);
    }
}

Test(config, values_that_do_not_fit)
{
    refuse("\nshards = four\n" LISTENER, "FILE:2: shards = \"four\" is not a whole number; write "
                                         "one from 0 to 1024");
    refuse("shards = -1\n" LISTENER, "FILE:1: shards = \"-1\" is not a whole number");
    refuse("shards = 1025\n" LISTENER, "FILE:1: shards = 1025 is out of range; write a number from "
                                       "0 to 1024");
    refuse("shards = 99999999999999999999999\n", "FILE:1: shards = \"9999");
    refuse("shards = \"\"\n", "FILE:1: shards = \"\" is not");
    refuse("idle-timeout = 599\n", "FILE:1: idle-timeout = 599 is out of range; write a number "
                                   "from 600 to 86400 seconds");
    refuse("refusals-before-login = 11\n", "FILE:1: refusals-before-login = 11 is out");
    refuse("apop = maybe\n", "FILE:1: apop = \"maybe\" is neither yes nor no");
    refuse("plaintext-login = sometimes\n", "FILE:1: plaintext-login = \"sometimes\" is not known; "
                                            "write never, local or always");
    refuse("store = \"\"\n", "FILE:1: store is empty");
    refuse("store = a\n\nstore = b\n", "FILE:3: store is given a second time");
    refuse("store = {a, b}\n", "FILE:1: unexpected token '{'; write key = value");
}

Test(config, unknown_keys)
{
    refuse("# x\nplaintext_login = always\n", "FILE:2: plaintext_login is not known; write "
                                              "plaintext-login, if");
    refuse("stor = /x\n", "FILE:1: stor is not known; write store");
    refuse("listner a { address = x }\n", "FILE:1: listner is not known; write listener");
    refuse("colour = red\n", "FILE:1: colour is not known; ringpost.conf(5)");
    refuse("include(\"/etc/passwd\")\n", "FILE:1: include is not known");
    refuse("listener a {\n address = 127.0.0.1:1\n tls = yes\n}\n",
           "FILE:3: tls is not known in a listener");
}

Test(config, what_is_no_configuration)
{
    refuse("", "FILE: there is no address to listen on");
    refuse("store \"x\"\n", "FILE:1: missing equal sign after option 'store'; write key = value");
    refuse("store = \"x\n", "FILE:");
    refuse("}\n", "FILE:1: unexpected closing brace");
    refuse("listener { address = x }\n", "FILE:1: missing title");
    refuse("listener a = 3\n", "FILE:1: missing opening brace");
    refuse("listener a {\n}\n", "FILE:2: this listener has no address");
    refuse("listener a {\n address = 127.0.0.1:1\n", "FILE:1: this { has no end");
    refuse(LISTENER "/* the rest\nshards = 2\n", "FILE:2: this comment has no end; write */");
    refuse("store =\n", "FILE:2: premature end of file");
    cr_expect_not(read_text("a\n\0b\n", 5));
    cr_expect_str_eq(error, "FILE:2: there is a NUL byte; write plain text");
}

/* Comments of every kind keep the count of lines; what looks like one in a value is none. */
Test(config, comments)
{
    take("# \"one\n"
         "store = /a//b  # the { store\n"
         "// it's two\n"
         "/* three\n"
         "   # and { four */ passwd-file = \"/p#q/*\\\"r\" /**/ shards = 3 //\n"
         "\n" LISTENER "#");
    cr_expect_str_eq(config.store, "/a//b");
    cr_expect_str_eq(config.passwd_file, "/p#q/*\"r");
    cr_expect_eq(config.shards, 3);
    cr_expect_eq(config.listeners[0].line, 7);
    refuse("# a\n# b\n/* c */ // d\nx = 1\n", "FILE:4: x is not known");
    refuse("store = \"a\nb\" # c\nx = 1\n", "FILE:3: x is not known");
}

Test(config, listeners_that_do_not_work)
{
    refuse("listener a { address = localhost:110 }\n", "FILE:1: address = \"localhost:110\" is no "
                                                       "address; write \"127.0.0.1:110\"");
    refuse("listener \"\" { address = 127.0.0.1:1 }\n", "FILE:1: the name of a listener");
    refuse("listener a { address = 127.0.0.1:1 }\nlistener b { address = 127.0.0.1:01 }\n",
           "FILE:2: address \"127.0.0.1:01\" is given in line 1 already");
    char text[8000] = "listener a { address = {", *at = text + strlen(text);
    for (int i = 0; i < CONFIG_LISTENERS_MAX + 1; i++)
        at += sprintf(at, "%s127.0.0.1:%d", i > 0 ? "," : "", i + 1);
    strcpy(at, "} }\n");
    refuse(text, "FILE:1: there are more than 64 addresses");
}

Test(config, files_that_cannot_be_read)
{
    cr_expect_not(config_read("/tmp/ringpost-not-there", &config, error, sizeof error));
    cr_expect_str_eq(error, "/tmp/ringpost-not-there: cannot be opened: No such file or directory");
    cr_expect_not(config_read("/tmp", &config, error, sizeof error));
    cr_expect_str_eq(error, "/tmp: is not a file with text in it");
    static char path[5000];
    memset(path, 'p', sizeof path - 1);
    cr_expect_not(config_read(path, &config, error, sizeof error));
    cr_expect_str_eq(error, "the name of the configuration file is too long");
}

/* A sentence that does not fit is cut off, never written beyond. */
Test(config, short_room_for_the_sentence)
{
    char small[12] = "...........";
    cr_expect_not(config_read("/tmp/ringpost-not-there", &config, small, 8));
    cr_expect_str_eq(small, "/tmp/ri");
    cr_expect_eq(small[8], '.');
}

Test(config, addresses)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    cr_assert(config_address("10.1.2.3:110", &address, &bytes));
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    cr_expect_eq(bytes, sizeof *v4);
    cr_expect_eq(v4->sin_addr.s_addr, htonl(0x0A010203));
    cr_expect_eq(v4->sin_port, htons(110));
    cr_assert(config_address("[::]:65535", &address, &bytes));
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
    cr_expect_eq(bytes, sizeof *v6);
    cr_expect(IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr));
    cr_expect_eq(v6->sin6_port, htons(65535));
    cr_expect(
        config_address("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:1", &address, &bytes));
    cr_assert(config_address("unix:/run/pop3", &address, &bytes));
    cr_expect_str_eq(((const struct sockaddr_un *)&address)->sun_path, "/run/pop3");

    static const char *const wrong[] = {
        "",
        ":",
        "110",
        ":110",
        "127.0.0.1",
        "127.0.0.1:",
        "::1:110",
        "[::1]",
        "[::1]:",
        "[::1:110",
        "[]:110",
        "[127.0.0.1]:110",
        "1.2.3.4:-1",
        "1.2.3.4:+1",
        "1.2.3.4: 1",
        "1.2.3.4:65536",
        "1.2.3:110",
        "1.2.3.4.5:110",
        "host:110",
        "unix:",
        "1.2.3.4:11x",
        "[::1]x:110",
        " 1.2.3.4:110",
        "*:110",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_not(config_address(wrong[i], &address, &bytes), "%s", wrong[i]);
    char path[200] = "unix:";
    memset(path + 5, 'p', 107);
    cr_expect(config_address(path, &address, &bytes));
    path[5 + 107] = 'p';
    cr_expect_not(config_address(path, &address, &bytes));
}

/* The example that is installed is a configuration that works. */
Test(config, example)
{
    cr_assert(config_read("docs/ringpost.conf.example", &config, error, sizeof error), "%s", error);
    cr_expect_str_eq(config.store, "/var/lib/ringpost");
}
