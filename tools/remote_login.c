/* remote_login: options and files with passwords; see remote_login.h.
 *
 * It owns nothing: passwords are in the struct of whoever asked.
 */
#include "tools/remote_login.h"

#include "core/text_file.h"
#include "tools/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1024u * 1024 * 1024)

static enum ending read_password(const struct run *run, struct remote_order *order);
static enum ending set_password(struct remote_order *order, struct span line, const char *where);
static bool find_password(struct remote *remote, const char *user);

enum ending remote_order_read(const struct run *run, struct remote_order *out_order)
{
    char made[1024];
    *out_order = (struct remote_order){
        .login = command_option(run, "--user"),
        .master = command_option(run, "--master"),
        .cacert = command_option(run, "--cacert"),
        .passwords = command_option(run, "--passwords"),
        .insecure = command_option(run, "--insecure") != NULL,
        .plaintext = command_option(run, "--plaintext") != NULL,
    };
    if (out_order->login == NULL)
        out_order->login = "%u";
    if (template_write(out_order->login, "a@b", made, sizeof made) != TEMPLATE_DONE)
        return command_fail(ENDING_USAGE,
                            "--user %.300s is none: behind %% only u (the user), n, d (before and "
                            "behind its @) and %% may stand",
                            out_order->login);
    if (out_order->cacert != NULL && access(out_order->cacert, R_OK) != 0)
        return command_fail(ENDING_FAILED, "%s cannot be read: %s", out_order->cacert,
                            strerror(errno));
    return read_password(run, out_order);
}

void remote_order_wipe(struct remote_order *order)
{
    password_wipe(order->password, sizeof order->password);
    order->has_password = false;
}

static enum ending read_password(const struct run *run, struct remote_order *order)
{
    const char *file = command_option(run, "--password-file");
    const char *variable = command_option(run, "--password-env");
    const bool from_stdin = command_option(run, "--password-stdin") != NULL;
    char error[4096 + 512], line[PASSWORD_MAX + 2];
    size_t bytes = 0;
    if ((file != NULL) + (variable != NULL) + from_stdin + (order->passwords != NULL) != 1)
        return command_fail(ENDING_USAGE,
                            "say where the password is, by one of --password-file, --password-env, "
                            "--password-stdin and --passwords");
    if (variable != NULL) {
        const char *value = getenv(variable);
        if (value == NULL)
            return command_fail(ENDING_FAILED, "there is no variable %.100s in the environment",
                                variable);
        return set_password(order, span_of(value), variable);
    }
    if (file != NULL) {
        char *text = text_file_read(file, FILE_BYTES_MAX, &bytes, error, sizeof error);
        if (text == NULL)
            return command_fail(ENDING_FAILED, "%s", error);
        const enum ending ending = set_password(order, (struct span){text, bytes}, file);
        password_wipe(text, bytes);
        free(text);
        return ending;
    }
    /* Byte by byte, so that nothing stays in a buffer of stdio. */
    while (from_stdin && bytes < sizeof line && read(STDIN_FILENO, line + bytes, 1) == 1 &&
           line[bytes] != '\n')
        bytes++;
    const enum ending ending =
        from_stdin ? set_password(order, (struct span){line, bytes}, "standard input")
                   : ENDING_DONE;
    password_wipe(line, sizeof line);
    return ending;
}

/* The first line of `text`. */
static enum ending set_password(struct remote_order *order, struct span text, const char *where)
{
    const char *end = text.length > 0 ? memchr(text.bytes, '\n', text.length) : NULL;
    size_t length = end != NULL ? (size_t)(end - text.bytes) : text.length;
    if (length > 0 && text.bytes[length - 1] == '\r')
        length--;
    if (length == 0 || length > PASSWORD_MAX || memchr(text.bytes, 0, length) != NULL)
        return command_fail(ENDING_FAILED,
                            "%.300s has no password that can be used: the first line must have 1 "
                            "to %d octets, none of them NUL",
                            where, PASSWORD_MAX);
    memcpy(order->password, text.bytes, length);
    order->password[length] = '\0';
    order->has_password = true;
    return ENDING_DONE;
}

bool remote_login_of(struct remote *remote, const char *user)
{
    const struct remote_order *order = remote->order;
    char name[sizeof remote->login];
    if (template_write(order->login, user, name, sizeof name) != TEMPLATE_DONE) {
        snprintf(remote->error, sizeof remote->error, "the login name is too long");
        return false;
    }
    snprintf(remote->login, sizeof remote->login, "%s",
             order->master != NULL ? order->master : name);
    snprintf(remote->authorization, sizeof remote->authorization, "%s",
             order->master != NULL ? name : "");
    if (order->passwords != NULL)
        return find_password(remote, user);
    memcpy(remote->password, order->password, sizeof remote->password);
    return true;
}

static bool find_password(struct remote *remote, const char *user)
{
    const size_t user_bytes = strlen(user);
    size_t bytes = 0;
    bool found = false;
    char *text = text_file_read(remote->order->passwords, FILE_BYTES_MAX, &bytes, remote->error,
                                sizeof remote->error);
    if (text == NULL)
        return false;
    for (char *line = text, *next; !found && line < text + bytes; line = next) {
        char *end = memchr(line, '\n', (size_t)(text + bytes - line));
        next = end != NULL ? end + 1 : text + bytes;
        size_t length = (size_t)((end != NULL ? end : next) - line);
        if (length > 0 && line[length - 1] == '\r')
            length--;
        if (length <= user_bytes || memcmp(line, user, user_bytes) != 0 || line[user_bytes] != ':')
            continue;
        const size_t password_bytes = length - user_bytes - 1;
        found = password_bytes > 0 && password_bytes <= PASSWORD_MAX;
        if (found) {
            memcpy(remote->password, line + user_bytes + 1, password_bytes);
            remote->password[password_bytes] = '\0';
        }
    }
    password_wipe(text, bytes);
    free(text);
    if (!found)
        snprintf(remote->error, sizeof remote->error,
                 "%.300s has no line %.300s:PASSWORD with a password in it",
                 remote->order->passwords, user);
    return found;
}
