/* remote_talk: commands and their answers over libcurl's connection; see remote_talk.h.
 *
 * It owns nothing: the bytes that were received and not used are the remote's.
 */
#include "tools/remote_talk.h"

#include "proto/dot.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static enum remote_result receive(struct remote *remote);
static enum remote_result wait_for(struct remote *remote, short events);
static enum remote_result no_pop3(struct remote *remote);

enum remote_result remote_say(struct remote *remote, const char *command)
{
    const size_t length = strlen(command);
    /* What is here before we have asked would be taken for the answer. */
    if (remote->begin != remote->end)
        return no_pop3(remote);
    for (size_t sent = 0; sent < length;) {
        size_t more = 0;
        const CURLcode code =
            remote->curl.easy_send(remote->easy, command + sent, length - sent, &more);
        enum remote_result result =
            code == CURLE_AGAIN ? wait_for(remote, POLLOUT) : remote_explain(remote, code);
        if (result != REMOTE_DONE)
            return result;
        sent += more;
    }
    const char *end;
    while (remote->begin == remote->end || (end = memchr(remote->buffer + remote->begin, '\n',
                                                         remote->end - remote->begin)) == NULL) {
        const bool is_full = remote->end == sizeof remote->buffer;
        const enum remote_result result = is_full ? no_pop3(remote) : receive(remote);
        if (result != REMOTE_DONE)
            return result;
    }
    const char *line = remote->buffer + remote->begin;
    remote->begin = (size_t)(end + 1 - remote->buffer);
    if (end - line >= 3 && memcmp(line, "+OK", 3) == 0)
        return REMOTE_DONE;
    if (end - line >= 4 && memcmp(line, "-ERR", 4) == 0)
        return REMOTE_REFUSED;
    return no_pop3(remote);
}

/* Some servers do not double a dot that begins a message: it is one where no dot and no line end
 * follow. */
enum remote_result remote_read_body(struct remote *remote, const struct remote_sink *sink,
                                    uint64_t octets_max, uint64_t *out_octets)
{
    struct dot_decoder decoder;
    char plain[REMOTE_BUFFER_BYTES + 1];
    bool at_begin = true;
    *out_octets = 0;
    dot_decoder_init(&decoder, DOT_TO_CRLF);
    while (!dot_decoder_ended(&decoder)) {
        if (remote->end - remote->begin < (at_begin ? 2 : 1)) {
            const enum remote_result result = receive(remote);
            if (result != REMOTE_DONE)
                return result;
            continue;
        }
        struct span input = {remote->buffer + remote->begin, remote->end - remote->begin};
        if (at_begin && *input.bytes == '.' && input.bytes[1] != '.' && input.bytes[1] != '\r')
            sink->take(sink->owner, (struct span){".", 1});
        at_begin = false;
        const size_t count = dot_decode(&decoder, &input, plain, sizeof plain);
        remote->begin = remote->end - input.length;
        *out_octets += count;
        if (*out_octets > octets_max)
            return REMOTE_REFUSED;
        if (count > 0)
            sink->take(sink->owner, (struct span){plain, count});
    }
    return REMOTE_DONE;
}

/* More bytes into the buffer, which has room. */
static enum remote_result receive(struct remote *remote)
{
    if (remote->begin == remote->end)
        remote->begin = remote->end = 0;
    for (;;) {
        size_t got = 0;
        const CURLcode code = remote->curl.easy_recv(remote->easy, remote->buffer + remote->end,
                                                     sizeof remote->buffer - remote->end, &got);
        if (code == CURLE_OK && got > 0) {
            remote->end += got;
            return REMOTE_DONE;
        }
        if (code != CURLE_AGAIN)
            return remote_explain(remote, code == CURLE_OK ? CURLE_GOT_NOTHING : code);
        const enum remote_result result = wait_for(remote, POLLIN);
        if (result != REMOTE_DONE)
            return result;
    }
}

/* Waits until the socket is ready, or the person wants an end. */
static enum remote_result wait_for(struct remote *remote, short events)
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    remote->curl.easy_getinfo(remote->easy, CURLINFO_ACTIVESOCKET, &socket);
    struct pollfd wait[] = {{.fd = socket, .events = events},
                            {.fd = remote->run->signals, .events = POLLIN}};
    const int ready = poll(wait, 2, REMOTE_SILENCE_S * 1000);
    if (ready > 0)
        return wait[1].revents != 0 ? REMOTE_INTERRUPTED : REMOTE_DONE;
    if (ready < 0 && errno == EINTR)
        return REMOTE_DONE;
    remote->curl_error[0] = '\0';
    return remote_fail(remote, "is silent", "try again, or look what the old server does");
}

/* What we hear is no answer to what we have said: nothing can be trusted any more. */
static enum remote_result no_pop3(struct remote *remote)
{
    remote->curl_error[0] = '\0';
    remote_fail(remote, "answers what is no POP3", "try again");
    return REMOTE_LOST;
}

enum remote_result remote_fail(struct remote *remote, const char *what, const char *advice)
{
    snprintf(remote->error, sizeof remote->error, "%.300s %s%s%.300s%s: %s", remote->url, what,
             remote->curl_error[0] != '\0' ? " (" : "", remote->curl_error,
             remote->curl_error[0] != '\0' ? ")" : "", advice);
    return REMOTE_FAILED;
}

/* libcurl has more words; these are what a POP3 server, or the way to it, causes. */
static const struct {
    CURLcode code;
    const char *what, *advice;
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "cannot be found", "is the name right?"},
    {CURLE_COULDNT_CONNECT, "cannot be reached", "does the server run, and is the port right?"},
    {CURLE_OPERATION_TIMEDOUT, "is silent", "try again, or look what the old server does"},
    {CURLE_USE_SSL_FAILED, "offers no STLS",
     "use pop3s://, or --plaintext where nobody can listen"},
    {CURLE_PEER_FAILED_VERIFICATION, "shows a certificate that is not trusted",
     "give its issuer by --cacert FILE, or --insecure to take any"},
    {CURLE_SSL_CACERT_BADFILE, "was not asked", "the file of --cacert cannot be read"},
    {CURLE_SSL_CONNECT_ERROR, "speaks no TLS that we know", "is that the port of POP3S?"},
};

enum remote_result remote_explain(struct remote *remote, CURLcode code)
{
    if (code == CURLE_OK)
        return REMOTE_DONE;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return REMOTE_INTERRUPTED;
    if (code == CURLE_WEIRD_SERVER_REPLY)
        return REMOTE_REFUSED;
    if (code == CURLE_LOGIN_DENIED) {
        snprintf(remote->error, sizeof remote->error,
                 "%.300s refuses the login of %.300s: see that name and password are right",
                 remote->url, remote->login);
        return REMOTE_FAILED;
    }
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (failures[i].code == code)
            return remote_fail(remote, failures[i].what, failures[i].advice);
    }
    if (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
        code == CURLE_PARTIAL_FILE) {
        remote_fail(remote, "has ended the connection", "try again");
        return REMOTE_LOST;
    }
    return remote_fail(remote, "failed", remote->curl.easy_strerror(code));
}
