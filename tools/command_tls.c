/* command_tls: certificate make, and tls-ticket-keys.
 *
 * Files with keys are made with mode 0600 and are durable when the command has ended. A certificate
 * and its key never overwrite anything; of a file of ticket keys only the oldest key goes. Neither
 * reads the configuration: what is to be put there must be there first.
 */
#include "core/certificate.h"
#include "core/tls_tickets.h"
#include "tools/command.h"

#include "proto/span.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DAYS_DEFAULT 365

_Static_assert(COMMAND_REPEATS_MAX == CERTIFICATE_HOSTS_MAX, "each --host has a place");

/* In the order of the command's options. */
enum { OPTION_HOST, OPTION_DAYS, OPTION_RSA };

static enum ending read_order(const struct run *run, struct certificate_order *out_order);
static enum ending write_files(const struct run *run, const struct certificate *certificate);
static enum ending write_file(const char *path, mode_t mode, const char *text);

static enum ending certificate_make_run(struct run *run)
{
    struct certificate_order order;
    struct certificate certificate;
    char error[512];
    enum ending ending = read_order(run, &order);
    if (ending != ENDING_DONE)
        return ending;
    if (!certificate_make(&order, &certificate, error, sizeof error))
        return command_fail(ENDING_FAILED, "%s", error);
    ending = write_files(run, &certificate);
    if (ending == ENDING_DONE)
        printf("SHA-256 fingerprint %s\n", certificate.fingerprint);
    certificate_wipe(&certificate);
    return ending;
}

static enum ending tls_ticket_keys_run(struct run *run)
{
    char error[PATH_MAX + 512];
    if (!tls_tickets_rotate_file(run->words[0], error, sizeof error))
        return command_fail(ENDING_FAILED, "%s", error);
    return ENDING_DONE;
}

static enum ending read_order(const struct run *run, struct certificate_order *out_order)
{
    uint64_t days = DAYS_DEFAULT;
    if (run->options[OPTION_DAYS] != NULL &&
        (!span_number(span_of(run->options[OPTION_DAYS]), &days) || days < 1 ||
         days > CERTIFICATE_DAYS_MAX))
        return command_fail(ENDING_USAGE, "--days must be a number from 1 to %d",
                            CERTIFICATE_DAYS_MAX);
    *out_order = (struct certificate_order){
        .hosts = {"localhost", "127.0.0.1", "::1"},
        .host_count = 3,
        .days = (uint32_t)days,
        .algorithm =
            run->options[OPTION_RSA] != NULL ? CERTIFICATE_RSA_2048 : CERTIFICATE_ECDSA_P256,
    };
    if (run->repeat_count > 0) {
        memcpy(out_order->hosts, run->repeats, sizeof run->repeats);
        out_order->host_count = run->repeat_count;
    }
    return ENDING_DONE;
}

/* The key first: whoever sees the certificate may rely on its key. */
static enum ending write_files(const struct run *run, const struct certificate *certificate)
{
    const char *certificate_path = run->words[0], *key_path = run->words[1];
    /* Before anything is written; who is quicker than this is met by O_EXCL. */
    if (access(certificate_path, F_OK) == 0)
        return command_fail(ENDING_FAILED, "%s is there already, and is never overwritten",
                            certificate_path);
    enum ending ending = write_file(key_path, 0600, certificate->key_pem);
    if (ending != ENDING_DONE)
        return ending;
    ending = write_file(certificate_path, 0644, certificate->pem);
    if (ending != ENDING_DONE)
        unlink(key_path);
    return ending;
}

/* Makes the name of a file durable: 0, or -errno. */
static int sync_folder_of(const char *path)
{
    char folder_path[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (length >= sizeof folder_path)
        return -ENAMETOOLONG;
    memcpy(folder_path, path, length);
    folder_path[length] = '\0';
    const int folder = open(length == 0 ? "." : folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -errno;
    const int result = fsync(folder) < 0 ? -errno : 0;
    close(folder);
    return result;
}

/* A new file, whole and durable, or none. */
static enum ending write_file(const char *path, mode_t mode, const char *text)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0 && errno == EEXIST)
        return command_fail(ENDING_FAILED, "%s is there already, and is never overwritten", path);
    if (file < 0)
        return command_fail(ENDING_FAILED, "%s cannot be made: %s", path, strerror(errno));
    int result = command_write(file, text, strlen(text));
    if (result == 0 && fsync(file) < 0)
        result = -errno;
    close(file);
    if (result == 0)
        result = sync_folder_of(path);
    if (result == 0)
        return ENDING_DONE;
    unlink(path);
    return command_fail(ENDING_FAILED, "%s cannot be written: %s", path, strerror(-result));
}

const struct command command_certificate_make = {
    .group = "certificate",
    .name = "make",
    .words = "CERTIFICATE KEY",
    .words_min = 2,
    .words_max = 2,
    .options =
        {
            [OPTION_HOST] = {.name = "--host", .value = "NAME", .repeats = true},
            [OPTION_DAYS] = {.name = "--days", .value = "N"},
            [OPTION_RSA] = {.name = "--rsa"},
        },
    .summary = "Make a self-signed certificate and its key, for a trial.",
    .help =
        "CERTIFICATE and KEY are two new files in PEM; nothing is overwritten. The certificate's\n"
        "fingerprint is printed, to be compared with what a mail program shows.\n"
        "  --host NAME   whom it is for: a name or an address, up to 16 times; without it\n"
        "                localhost, 127.0.0.1 and ::1\n"
        "  --days N      how long it is valid, 1 to 3650; 365 if not given\n"
        "  --rsa         an RSA key of 2048 bits instead of ECDSA P-256, for old clients\n",
    .run = certificate_make_run,
};

const struct command command_tls_ticket_keys = {
    .name = "tls-ticket-keys",
    .words = "FILE",
    .words_min = 1,
    .words_max = 1,
    .summary = "Make a file of keys for TLS session tickets, or put a new key into it.",
    .help =
        "For servers behind a balancer, which share the file, so that a session begun with one\n"
        "resumes with each. A new key comes first and seals; the three before it still open.\n"
        "Call it some times a day, and bring the file to each server by a safe way.\n",
    .run = tls_ticket_keys_run,
};
