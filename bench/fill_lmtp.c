/* fill_lmtp: letters to an LMTP server, one after the other.
 *
 * The inside of the room fill_target. Plain and patient: whoever wants to know how fast a server
 * takes mail uses ringbench run lmtp://.
 */
#include "bench/fill_target.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool say(struct fill_target *target, char wanted, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool hear(struct fill_target *target, char wanted, const char *command);

bool fill_lmtp_open(struct fill_target *target)
{
    struct target *server = &target->server_target;
    if (!target_parse(target->place, server, target->error, sizeof target->error) ||
        !target_resolve(server, target->error, sizeof target->error))
        return false;
    if (server->protocol != TARGET_LMTP)
        return fill_target_fail(target, "%s is no LMTP server; write lmtp://HOST:PORT",
                                target->place);
    int file = socket(server->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0 ||
        connect(file, (const struct sockaddr *)&server->address, server->address_bytes) != 0 ||
        (target->server = fdopen(file, "r+e")) == NULL) {
        int error = errno;
        if (file >= 0)
            close(file);
        return fill_target_fail(target, "cannot connect to %s: %s", target->place, strerror(error));
    }
    return hear(target, '2', "the greeting") && say(target, '2', "LHLO ringbench.example");
}

bool fill_lmtp_put(struct fill_target *target, const struct specimen *letter)
{
    if (!say(target, '2', "MAIL FROM:<ringbench@example.org>") ||
        !say(target, '2', "RCPT TO:<%.*s>", (int)target->user.length, target->user.bytes) ||
        !say(target, '3', "DATA"))
        return false;
    struct span wire = specimen_wire(letter);
    fwrite(wire.bytes, 1, wire.length, target->server);
    free((char *)(uintptr_t)wire.bytes);
    return hear(target, '2', "the message");
}

static bool say(struct fill_target *target, char wanted, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(target->server, "%s\r\n", line);
    return hear(target, wanted, line);
}

/* A reply whose code begins with `wanted`. A stream turns from writing to reading by a seek, which
 * for a socket only empties the buffer. */
static bool hear(struct fill_target *target, char wanted, const char *command)
{
    char line[1024];
    fflush(target->server);
    (void)fseek(target->server, 0, SEEK_CUR);
    do {
        if (fgets(line, sizeof line, target->server) == NULL)
            return fill_target_fail(target, "%s closed the connection after %s", target->place,
                                    command);
    } while (strlen(line) > 3 && line[3] == '-');
    (void)fseek(target->server, 0, SEEK_CUR);
    if (line[0] == wanted)
        return true;
    return fill_target_fail(target, "%s answered %s with: %.*s", target->place, command,
                            (int)strcspn(line, "\r\n"), line);
}
