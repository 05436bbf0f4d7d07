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

/* Two lines of a tls block. */
#define PAIR     "certificate = c\nkey = k\n"
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
    config_free(&config);
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
    cr_expect_eq(config.driver, CONFIG_DRIVER_NATIVE);
    cr_expect_str_eq(config.maildir, "~/Maildir");
    cr_expect_str_eq(config.maildir_mounted, "");
    cr_expect_str_eq(config.maildir_control, "");
    cr_expect_not(config.maildir_move_new);
    cr_expect_not(config.maildir_mark_seen);
    cr_expect_str_eq(config.uidl_format, "dovecot");
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
    cr_expect_eq(config.check_cache_s, 600);
    cr_expect_eq(config.check_cache_entries, 1048576);
    cr_expect_eq(config.hash_queue_max, 1024);
    cr_expect_eq(config.hash_threads, 0);
    cr_expect_eq(config.disk_threads, 32);
    cr_expect_eq(config.handshake_ms, 30000);
    cr_expect_eq(config.handshakes_per_turn, 32);
    cr_expect_eq(config.user_name, CONFIG_USER_NAME_ADDRESS);
    cr_expect_eq(config.recipient_delimiter, '+');
    cr_expect_eq(config.recipients_max, 1000);
    cr_expect(config.return_path && config.delivered_to && config.received);
    cr_expect_eq(config.quota_octets, 0);
    cr_expect_eq(config.quota_messages, 0);
    cr_expect_eq(config.quota_full, CONFIG_QUOTA_REFUSE);
    cr_expect_eq(config.lmtp_ms, 300000);
    cr_expect_eq(config.delivery_threads, 64);
    cr_expect_eq(config.delivery_queue_max, 16384);
    cr_expect_eq(config.tls_count, 0);
    cr_expect_null(config.tls);
    cr_assert_eq(config.listener_count, 1);
    cr_expect_str_eq(config.listeners[0].name, "pop3");
    cr_expect_str_eq(config.listeners[0].address, "127.0.0.1:1110");
    cr_expect_eq(config.listeners[0].line, 1);
    cr_expect_eq(config.listeners[0].tls, CONFIG_TLS_STARTTLS);
    cr_expect_eq(config.listeners[0].protocol, CONFIG_PROTOCOL_POP3);
    cr_expect_eq(config.listeners[0].mode, 0666);
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
         "disk-threads = 1\nhandshake-timeout = 5\nhandshakes-a-turn = 1024\n"
         "username-format = local\nrecipient-delimiter = \"-\"\nrecipients = 100\n"
         "return-path = no\ndelivered-to = no\nreceived = no\nquota-bytes = 9000000000\n"
         "quota-messages = 16000000\nquota-full = defer\nlmtp-timeout = 10\n"
         "delivery-threads = 1\ndelivery-queue = 1\n" LISTENER);
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
    cr_expect_eq(config.handshake_ms, 5000);
    cr_expect_eq(config.handshakes_per_turn, 1024);
    cr_expect_eq(config.user_name, CONFIG_USER_NAME_LOCAL);
    cr_expect_eq(config.recipient_delimiter, '-');
    cr_expect_eq(config.recipients_max, 100);
    cr_expect_not(config.return_path || config.delivered_to || config.received);
    cr_expect_eq(config.quota_octets, 9000000000);
    cr_expect_eq(config.quota_messages, 16000000);
    cr_expect_eq(config.quota_full, CONFIG_QUOTA_DEFER);
    cr_expect_eq(config.lmtp_ms, 10000);
    cr_expect_eq(config.delivery_threads, 1);
    cr_expect_eq(config.delivery_queue_max, 1);
    take("recipient-delimiter = \"\"\n" LISTENER);
    cr_expect_eq(config.recipient_delimiter, '\0');
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

/* Protocol and mode are of all addresses in a block, and of none in the next. */
Test(config, listeners_of_lmtp)
{
    take("listener lmtp { address = unix:/run/lmtp  protocol = lmtp  mode = 0600\n"
         "                address = 127.0.0.1:24 }\n" LISTENER
         "listener a { mode = 660 address = unix:/run/pop3 protocol = \"pop3\" }\n");
    static const struct {
        enum config_protocol protocol;
        uint32_t mode;
    } expected[] = {{CONFIG_PROTOCOL_LMTP, 0600},
                    {CONFIG_PROTOCOL_LMTP, 0600},
                    {CONFIG_PROTOCOL_POP3, 0666},
                    {CONFIG_PROTOCOL_POP3, 0660}};
    cr_assert_eq(config.listener_count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(config.listeners[i].protocol, expected[i].protocol, "%zu", i);
        cr_expect_eq(config.listeners[i].mode, expected[i].mode, "%zu", i);
    }
    refuse("listener a { protocol = imap }\n", "FILE:1: protocol = \"imap\" is not known; write "
                                               "pop3 or lmtp");
    refuse("listener a { address = 127.0.0.1:1\n mode = 0600 }\n",
           "FILE:2: mode is of a unix socket's file, and this listener has none; write address = "
           "\"unix:/path\", or leave mode away");
    static const char *const wrong[] = {"", "0888", "60", "1666", "06000", "rw-", "0o66"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[100], sentence[100];
        snprintf(text, sizeof text, "listener a { mode = \"%s\" }\n", wrong[i]);
        snprintf(sentence, sizeof sentence,
                 "FILE:1: mode = \"%s\" is no mode of a file; write "
                 "mode = 0660",
                 wrong[i]);
        refuse(text, sentence);
    }
    refuse("recipient-delimiter = \"++\"\n", "FILE:1: recipient-delimiter = \"++\" cannot be; "
                                             "write one of !#");
    refuse("recipient-delimiter = a\n", "FILE:1: recipient-delimiter = \"a\" cannot be");
    refuse("recipients = 99\n", "FILE:1: recipients = 99 is out of range; write a number from 100 "
                                "to 100000");
}

Test(config, values_that_do_not_fit)
{
    refuse("driver = mbox\n" LISTENER, "FILE:1: driver = \"mbox\" is not known; write native or ");
    refuse("\nmaildir = \"mail/%u\"\n" LISTENER,
           "FILE:2: maildir = \"mail/%u\" must begin with /, ~ or %h; write maildir = ");
    refuse("maildir = \"/mail\"\n" LISTENER,
           "FILE:1: maildir = \"/mail\" is the same for every user; use %u, %n, %d or %h in it");
    refuse(
        "maildir-mounted = \"mail\"\n" LISTENER,
        "FILE:1: maildir-mounted = \"mail\" is no path of a folder; write one that begins with /");
    refuse("uidl-format = \"%m\"\n" LISTENER,
           "FILE:1: uidl-format = \"%m\" has a variable that is not known; known are %u, %v, ");
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
    refuse("tsl { }\n", "FILE:1: tsl is not known; ringpost.conf(5)");
    refuse("stls { }\n", "FILE:1: stls is not known; write tls, if");
    refuse(
        "listener a {\n address = 127.0.0.1:1\n colour = red\n}\n",
        "FILE:3: colour is not known in a listener; its keys are address, protocol, tls and mode");
    refuse("tls {\n" PAIR " cert = a\n}\n",
           "FILE:4: cert is not known in a tls block; its keys are certificate, key, ocsp, host, "
           "min-version, ticket-keys, verify-client and client-ca");
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

/* A block's `tls` is of all its addresses, whether they stand before or behind it. */
Test(config, encrypted_listeners)
{
    take("listener a { tls = implicit address = {\"127.0.0.1:1\", \"127.0.0.1:2\"} }\n"
         "listener b { address = 127.0.0.1:3 }\n"
         "tls { " PAIR "}\n"
         "listener c { address = 127.0.0.1:4 tls = none address = 127.0.0.1:5 }\n"
         "listener d { tls = starttls address = 127.0.0.1:6 }\n"
         "listener e { address = unix:/run/pop3s tls = \"implicit\" }\n");
    static const enum config_tls_mode expected[] = {
        CONFIG_TLS_IMPLICIT, CONFIG_TLS_IMPLICIT, CONFIG_TLS_STARTTLS, CONFIG_TLS_NONE,
        CONFIG_TLS_NONE,     CONFIG_TLS_STARTTLS, CONFIG_TLS_IMPLICIT,
    };
    cr_assert_eq(config.listener_count, 7);
    for (size_t i = 0; i < 7; i++)
        cr_expect_eq(config.listeners[i].tls, expected[i], "%zu", i);

    refuse("listener a {\n address = 127.0.0.1:1\n tls = yes\n}\n",
           "FILE:3: tls = \"yes\" is not known; write starttls, implicit or none");
    refuse("listener a { address = 127.0.0.1:1\n tls = none\n tls = implicit }\n",
           "FILE:3: tls is given a second time; keep one of them");
    refuse("listener a { tls = none }\n", "FILE:1: this listener has no address");
    refuse(LISTENER "listener b { tls = implicit\n address = 127.0.0.1:1 }\n",
           "FILE:3: tls = implicit of listener b needs a certificate; write tls { certificate = "
           "\"/etc/ringpost/certificate.pem\" key = \"/etc/ringpost/key.pem\" }");
    take("listener b { tls = none address = 127.0.0.1:1 }\n");
}

Test(config, every_key_of_tls)
{
    take(LISTENER "tls {\n"
                  "  certificate   = \"/c.pem\"\n  key = \"/k.pem\"\n  min-version = 1.3\n  "
                  "ticket-keys = /t ocsp = /o\n"
                  "  verify-client = require\n  client-ca = /ca.pem\n"
                  "}\n"
                  "tls { certificate = /c2 key = /c2\n"
                  "      host = {Mail.Example.ORG, \"*.example.org\"} host = xn--bcher-kva }\n");
    cr_assert_eq(config.tls_count, 2);
    const struct config_tls *tls = config.tls;
    cr_expect_eq(tls->line, 3);
    cr_expect_eq(tls->host_count, 0);
    cr_expect_str_eq(tls->certificate, "/c.pem");
    cr_expect_str_eq(tls->key, "/k.pem");
    cr_expect_str_eq(tls->ticket_keys, "/t");
    cr_expect_str_eq(tls->ocsp, "/o");
    cr_expect_str_eq(tls->client_ca, "/ca.pem");
    cr_expect_eq(tls->min_version, CONFIG_TLS_1_3);
    cr_expect_eq(tls->verify_client, CONFIG_VERIFY_REQUIRE);
    tls++;
    cr_expect_eq(tls->line, 10);
    cr_expect_str_eq(tls->certificate, "/c2");
    cr_expect_str_eq(tls->key, "/c2");
    cr_assert_eq(tls->host_count, 3);
    cr_expect_str_eq(tls->hosts[0], "mail.example.org");
    cr_expect_str_eq(tls->hosts[1], "*.example.org");
    cr_expect_str_eq(tls->hosts[2], "xn--bcher-kva");

    config_free(&config);
    cr_expect_null(config.tls);
    cr_expect_eq(config.tls_count, 0);
    config_free(&config);
}

Test(config, defaults_of_tls)
{
    take(LISTENER "tls { " PAIR "host = \"\" }\ntls { " PAIR "host = {} }\n"
                  "tls { " PAIR "host = a }\ntls { " PAIR "host = a }\n");
    cr_assert_eq(config.tls_count, 4);
    cr_expect_eq(config.tls[0].host_count, 0);
    cr_expect_eq(config.tls[1].host_count, 0);
    cr_expect_str_eq(config.tls[2].hosts[0], "a");
    cr_expect_str_eq(config.tls[3].hosts[0], "a");
    cr_expect_str_eq(config.tls[0].ticket_keys, "");
    cr_expect_str_eq(config.tls[0].client_ca, "");
    cr_expect_eq(config.tls[0].min_version, CONFIG_TLS_1_2);
    cr_expect_eq(config.tls[0].verify_client, CONFIG_VERIFY_NO);
    take(LISTENER "tls { " PAIR "verify-client = no client-ca = a min-version = 1.2 }\n");
    cr_expect_eq(config.tls[0].verify_client, CONFIG_VERIFY_NO);
    take(LISTENER "tls { " PAIR "verify-client = request client-ca = a }\n");
    cr_expect_eq(config.tls[0].verify_client, CONFIG_VERIFY_REQUEST);
}

/* Keys for all connections may stand in the first block without a host, wherever that is. */
Test(config, first_tls_block_without_host)
{
    take(LISTENER "tls { " PAIR "host = a }\n"
                  "tls { " PAIR "min-version = 1.3 ticket-keys = t }\n"
                  "tls { " PAIR "}\n");
    cr_assert_eq(config.tls_count, 3);
    cr_expect_eq(config.tls[1].min_version, CONFIG_TLS_1_3);
    refuse("tls {\n" PAIR "min-version = 1.3\nhost = a }\n",
           "FILE:4: min-version holds for all hosts; write it in the tls block without a host");
    refuse("tls {\n" PAIR "host = a\nticket-keys = t }\n", "FILE:5: ticket-keys holds for all");
    refuse("tls {\n" PAIR "host = a\nverify-client = no }\n", "FILE:5: verify-client holds for");
    refuse("tls {\n" PAIR "host = a\n\nclient-ca = c }\n", "FILE:6: client-ca holds for all");
    refuse("tls { " PAIR "host = a }\ntls { " PAIR "}\ntls { " PAIR "min-version = 1.2 }\n",
           "FILE:9: min-version holds for all hosts; write it in the first tls block without a "
           "host, in line 4");
}

Test(config, tls_blocks_that_do_not_work)
{
    refuse("tls {\n}\n", "FILE:2: this tls block is empty; write certificate = "
                         "\"/etc/ringpost/certificate.pem\" and key = \"/etc/ringpost/key.pem\"");
    refuse("tls {\n key = k\n}\n", "FILE:2: this tls block has no certificate; write certificate "
                                   "= \"/etc/ringpost/certificate.pem\" in it");
    refuse("tls {\n certificate = c\n}\n", "FILE:2: this tls block has no key; write key = "
                                           "\"/etc/ringpost/key.pem\" in it");
    refuse("tls {\n" PAIR "key = l }\n", "FILE:4: key is given a second time; keep one of them");
    refuse("tls { certificate = \"\" }\n", "FILE:1: certificate is empty; write certificate = "
                                           "\"/etc/ringpost/certificate.pem\"");
    refuse("tls { min-version = 1.1 }\n", "FILE:1: min-version = \"1.1\" is not known; write 1.2 "
                                          "or 1.3");
    refuse("tls { verify-client = yes }\n", "FILE:1: verify-client = \"yes\" is not known; write "
                                            "no, request or require");
    refuse("tls {\n" PAIR "verify-client = request\n}\n",
           "FILE:4: verify-client needs to know whose certificates are good; write client-ca = "
           "\"/etc/ringpost/client-ca.pem\"");
    refuse("tls {\n" PAIR "client-ca = c\n}\n",
           "FILE:4: client-ca alone asks no client for a certificate; write verify-client = "
           "request or verify-client = require");
    refuse("tls = implicit\n", "FILE:1: missing opening brace for section 'tls'; write tls { "
                               "certificate = \"FILE\" key = \"FILE\" }");
    refuse("tls pop3 { }\n", "FILE:1: missing opening brace for section 'tls'; write tls {");
    refuse("listener a { address = 127.0.0.1:1 tls }\n", "FILE:1: missing equal sign after option "
                                                         "'tls'; write key = value");
    refuse("tls { " PAIR "\n", "FILE:1: this { has no end");
    refuse("handshake-timeout = 4\n", "FILE:1: handshake-timeout = 4 is out of range; write a "
                                      "number from 5 to 300 seconds");
    refuse("handshakes-a-turn = 0\n", "FILE:1: handshakes-a-turn = 0 is out of range; write a "
                                      "number from 1 to 1024");

    static char text[5000] = "tls { certificate = ";
    memset(text + strlen(text), 'c', 4096);
    refuse(text, "FILE:1: this { has no end");
    strcat(text, " }");
    refuse(text, "FILE:1: certificate is too long; a path has at most 4095 bytes");
}

Test(config, names_of_hosts)
{
    static const char *const wrong[] = {
        "*",   "*.",    ".a",        "a.",    "a..b", "*a.b",      "a.*.b", "*.*.b",
        "a b", "a:995", "192.0.2.1", "[::1]", "a/b",  "b\xC3\xBC", "1",     "a.2",
    };
    char text[500];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(text, sizeof text, "tls { host = \"%s\" }\n", wrong[i]);
        char sentence[200];
        snprintf(sentence, sizeof sentence,
                 "FILE:1: host = \"%s\" is no name of a host; write \"mail.example.org\" or "
                 "\"*.example.org\"",
                 wrong[i]);
        refuse(text, sentence);
    }
    static const char *const right[] = {"localhost", "*.a", "1.a", "a-b_c.d", "4you", "a.2b"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        snprintf(text, sizeof text, LISTENER "tls { " PAIR "host = \"%s\" }\n", right[i]);
        take(text);
        cr_expect_str_eq(config.tls[0].hosts[0], right[i]);
    }
    refuse("tls {\n host = *.example.org }\n", "FILE:2: a * stands only in quotes; write "
                                               "\"*.example.org\"");
    refuse("tls { host = {\"\", a} }\n", "FILE:1: host = \"\" is for clients that name no host; "
                                         "write the other names in a tls block of their own");
    refuse("tls { host = {a, \"\"} }\n", "FILE:1: host = \"\" is for clients");
    refuse("tls { host = {a, a, a, a, a, a, a, a, a} }\n",
           "FILE:1: there are more than 8 hosts in one tls block; write another block with the "
           "same certificate");
}

/* Labels of up to 63 letters, 253 in all (RFC 1035). */
Test(config, long_names_of_hosts)
{
    static const size_t cuts[] = {62, 63, 64};
    char name[260], text[500];
    for (size_t i = 0; i < 3; i++) {
        memset(name, 'a', cuts[i]);
        snprintf(name + cuts[i], sizeof name - cuts[i], ".b");
        snprintf(text, sizeof text, LISTENER "tls { " PAIR "host = %s }\n", name);
        cr_expect_eq(read_text(text, strlen(text)), cuts[i] <= 63, "%zu", cuts[i]);
    }
    for (size_t length = 253; length <= 254; length++) {
        for (size_t i = 0; i < length; i++)
            name[i] = i % 64 == 63 ? '.' : 'a';
        name[length] = '\0';
        snprintf(text, sizeof text, LISTENER "tls { " PAIR "host = %s }\n", name);
        cr_expect_eq(read_text(text, strlen(text)), length == 253, "%s", error);
    }
}

Test(config, as_many_tls_blocks_as_there_may_be)
{
    static char text[40 * (CONFIG_TLS_MAX + 2)];
    char *at = text + sprintf(text, "%s", LISTENER);
    for (int i = 0; i < CONFIG_TLS_MAX; i++)
        at += sprintf(at, "tls { certificate = c%d key = k }\n", i);
    take(text);
    cr_assert_eq(config.tls_count, CONFIG_TLS_MAX);
    cr_expect_str_eq(config.tls[0].certificate, "c0");
    cr_expect_str_eq(config.tls[CONFIG_TLS_MAX - 1].certificate, "c255");
    strcpy(at, "tls { certificate = c key = k }\n");
    refuse(text, "FILE:258: there are more than 256 tls blocks; up to 8 names may share one");
    cr_expect_null(config.tls);
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
    config_free(&config);
}
