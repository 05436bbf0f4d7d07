/* remote: POP3 to another server; see remote.h.
 *
 * libcurl's own way to fetch mail is not used: it makes a new session in silence when a connection
 * is lost, in which a number may mean another message, and it spoils a message that is empty or
 * begins with a dot that the server did not double.
 */
#include "tools/remote.h"

#include "tools/remote_login.h"
#include "tools/remote_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_S 30L

/* An answer to LIST or UIDL: ten million messages. */
#define LISTING_BYTES_MAX (1024u * 1024 * 1024)

/* A whole answer in memory. */
struct listing {
    char *bytes;
    size_t used, room;
    bool failed;
};

static enum remote_result connect_to(struct remote *remote);
static enum remote_result read_list(struct remote *remote);
static enum remote_result read_uidls(struct remote *remote);
static enum remote_result see_why_no_uidls(struct remote *remote);
static bool next_line(struct span *text, uint64_t *out_number, struct span *out_rest);

static void take_listing(void *owner, struct span bytes)
{
    struct listing *listing = owner;
    if (listing->room - listing->used < bytes.length) {
        const size_t room = listing->room * 2 + bytes.length + 4096;
        char *larger = room < LISTING_BYTES_MAX ? realloc(listing->bytes, room) : NULL;
        listing->failed = listing->failed || larger == NULL;
        if (larger == NULL)
            return;
        listing->bytes = larger;
        listing->room = room;
    }
    memcpy(listing->bytes + listing->used, bytes.bytes, bytes.length);
    listing->used += bytes.length;
}

enum remote_result remote_open(struct remote *remote, const struct run *run,
                               const struct remote_order *order, const char *user, const char *url)
{
    *remote = (struct remote){.run = run, .order = order, .url = url};
    if (strncmp(url, "pop3://", 7) != 0 && strncmp(url, "pop3s://", 8) != 0) {
        snprintf(remote->error, sizeof remote->error,
                 "%.300s is no address of a POP3 server: write pop3s://HOST or pop3://HOST, with "
                 ":PORT where it is another",
                 url);
        return REMOTE_FAILED;
    }
    const char *host = strstr(url, "://") + 3;
    if (*host == '\0' || strpbrk(host, "/@?#") != NULL) {
        snprintf(remote->error, sizeof remote->error,
                 "%.300s must be a host alone, with :PORT where it is another: the user is given "
                 "by --user, a password by --password-file",
                 url);
        return REMOTE_FAILED;
    }
    if (!remote_login_of(remote, user))
        return REMOTE_FAILED;
    enum remote_result result = connect_to(remote);
    if (result == REMOTE_DONE)
        result = read_list(remote);
    if (result == REMOTE_DONE)
        result = read_uidls(remote);
    return result;
}

void remote_close(struct remote *remote)
{
    if (remote->easy != NULL)
        remote->curl.easy_cleanup(remote->easy); /* says QUIT */
    free(remote->messages);
    free(remote->uidl_text);
    password_wipe(remote->password, sizeof remote->password);
    remote->easy = NULL;
    remote->messages = NULL;
    remote->uidl_text = NULL;
    remote->count = 0;
}

enum remote_result remote_retrieve(struct remote *remote, const struct remote_message *message,
                                   const struct remote_sink *sink)
{
    char command[32];
    snprintf(command, sizeof command, "RETR %u\r\n", message->number);
    enum remote_result result = remote_say(remote, command);
    /* What LIST says may be wrong by all line ends, and a message below our limit comes anyway. */
    const uint64_t told = message->octets < UINT32_MAX ? message->octets : UINT32_MAX;
    const uint64_t octets_max = 2 * told + remote->run->config.message_bytes_max;
    uint64_t received = 0;
    if (result == REMOTE_DONE)
        result = remote_read_body(remote, sink, octets_max, &received);
    /* A dot that is all there is, and was not doubled, looks like the end. The real end follows,
     * and costs the connection when the next command is said. */
    if (result == REMOTE_DONE && received == 0 && message->octets > 0 && message->octets <= 3)
        sink->take(sink->owner, (struct span){".", 1});
    /* So does such a dot in front of a message; and a fault may leave nothing of it as well. */
    if (result == REMOTE_DONE && received == 0 && message->octets > 3)
        return REMOTE_REFUSED;
    return result;
}

enum remote_result remote_reopen(struct remote *remote)
{
    struct remote_message *messages = remote->messages;
    char *uidl_text = remote->uidl_text;
    const uint32_t count = remote->count;
    const bool had_uidls = remote->has_uidls;
    remote->curl.easy_cleanup(remote->easy);
    remote->easy = NULL;
    remote->messages = NULL;
    remote->uidl_text = NULL;
    remote->count = 0;
    enum remote_result result = connect_to(remote);
    if (result == REMOTE_DONE)
        result = read_list(remote);
    if (result == REMOTE_DONE)
        result = read_uidls(remote);
    bool same = result == REMOTE_DONE && remote->count >= count && had_uidls;
    for (uint32_t i = 0; same && i < count; i++)
        same = remote->messages[i].number == messages[i].number &&
               span_equal(remote->messages[i].uidl, messages[i].uidl);
    if (result == REMOTE_DONE && !same) {
        snprintf(remote->error, sizeof remote->error,
                 "the connection to %s was lost, and the maildrop has changed since: do it again",
                 remote->url);
        result = REMOTE_FAILED;
    }
    /* What the caller points into stays. */
    free(remote->messages);
    free(remote->uidl_text);
    remote->messages = messages;
    remote->uidl_text = uidl_text;
    remote->count = count;
    return result;
}

/* Called about once a second, and while bytes flow. */
static int check_interrupt(void *owner, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct remote *remote = owner;
    (void)a, (void)b, (void)c, (void)d;
    return command_is_interrupted(remote->run);
}

static enum remote_result connect_to(struct remote *remote)
{
    const struct remote_order *order = remote->order;
    if (remote->curl.easy_init == NULL &&
        !curl_library_load(&remote->curl, remote->error, sizeof remote->error))
        return REMOTE_FAILED;
    CURL *easy = remote->curl.easy_init();
    if (easy == NULL) {
        snprintf(remote->error, sizeof remote->error, "libcurl has no memory");
        return REMOTE_FAILED;
    }
    CURLcode (*set)(CURL *, CURLoption, ...) = remote->curl.easy_setopt;
    remote->easy = easy;
    set(easy, CURLOPT_USERNAME, remote->login);
    set(easy, CURLOPT_PASSWORD, remote->password);
    if (remote->authorization[0] != '\0') {
        /* Only PLAIN has a place for whom it is done. */
        set(easy, CURLOPT_SASL_AUTHZID, remote->authorization);
        set(easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN");
    }
    set(easy, CURLOPT_ERRORBUFFER, remote->curl_error);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    set(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)REMOTE_SILENCE_S);
    set(easy, CURLOPT_NOPROGRESS, 0L);
    set(easy, CURLOPT_XFERINFOFUNCTION, check_interrupt);
    set(easy, CURLOPT_XFERINFODATA, remote);
    set(easy, CURLOPT_URL, remote->url);
    set(easy, CURLOPT_CONNECT_ONLY, 1L); /* with TLS and login, and nothing more */
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    set(easy, CURLOPT_USE_SSL, (long)(order->plaintext ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (order->cacert != NULL)
        set(easy, CURLOPT_CAINFO, order->cacert);
    if (order->insecure) {
        set(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        set(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    remote->begin = remote->end = 0;
    remote->curl_error[0] = '\0';
    const enum remote_result result = remote_explain(remote, remote->curl.easy_perform(easy));
    return result == REMOTE_REFUSED || result == REMOTE_LOST
               ? remote_fail(remote, "does not let us in", "is it a POP3 server, and not busy?")
               : result;
}

/* The whole answer to `command`; its bytes are the caller's to free in any case. */
static enum remote_result read_listing(struct remote *remote, const char *command,
                                       struct listing *out_listing)
{
    const struct remote_sink sink = {.owner = out_listing, .take = take_listing};
    uint64_t octets = 0;
    *out_listing = (struct listing){.bytes = NULL};
    const enum remote_result result = remote_say(remote, command);
    return result == REMOTE_DONE ? remote_read_body(remote, &sink, LISTING_BYTES_MAX, &octets)
                                 : result;
}

static enum remote_result read_list(struct remote *remote)
{
    struct listing listing;
    enum remote_result result = read_listing(remote, "LIST\r\n", &listing);
    if (result == REMOTE_REFUSED || result == REMOTE_LOST || listing.failed)
        result =
            remote_fail(remote, "does not list the maildrop", "is it a POP3 server, and not busy?");
    struct span text = {listing.bytes, listing.used}, rest;
    uint64_t number = 0, last = 0, octets = 0;
    size_t room = 0;
    for (size_t i = 0; i < listing.used; i++)
        room += listing.bytes[i] == '\n';
    remote->messages = calloc(room + 1, sizeof remote->messages[0]);
    if (result == REMOTE_DONE && remote->messages == NULL)
        result = remote_fail(remote, "has too many messages", "there is no memory for their list");
    while (result == REMOTE_DONE && next_line(&text, &number, &rest)) {
        if (number <= last || number > UINT32_MAX || !span_number(span_take_word(&rest), &octets)) {
            snprintf(remote->error, sizeof remote->error,
                     "%s answers LIST in a way that cannot be read", remote->url);
            result = REMOTE_FAILED;
            break;
        }
        remote->messages[remote->count++] =
            (struct remote_message){.number = (uint32_t)number, .octets = octets, .uidl = {"", 0}};
        last = number;
    }
    free(listing.bytes);
    return result;
}

/* A line for each message, though it may have no UIDL: a message that is only in one of the two
 * lists would be taken for a new one, or for one that is gone. */
static enum remote_result read_uidls(struct remote *remote)
{
    struct listing listing;
    enum remote_result result = read_listing(remote, "UIDL\r\n", &listing);
    struct span text = {listing.bytes, listing.used}, rest;
    uint64_t number = 0;
    uint32_t at = 0;
    bool fits = true;
    remote->uidl_text = listing.bytes;
    remote->has_uidls = result == REMOTE_DONE;
    if (listing.failed)
        return remote_fail(remote, "has too many messages", "there is no memory for their UIDLs");
    if (result == REMOTE_LOST)
        return REMOTE_FAILED;
    if (result == REMOTE_REFUSED)
        return see_why_no_uidls(remote);
    while (result == REMOTE_DONE && fits && next_line(&text, &number, &rest)) {
        fits = at < remote->count && remote->messages[at].number == number;
        if (fits)
            remote->messages[at++].uidl = rest;
    }
    if (result == REMOTE_DONE && (!fits || at < remote->count))
        result = remote_fail(remote, "names other messages in UIDL than in LIST", "do it again");
    return result;
}

/* An old server may not know UIDL. One that says it has it (RFC 2449 section 6.8) has a fault just
 * now, and with new UIDLs all mail would come a second time. */
static enum remote_result see_why_no_uidls(struct remote *remote)
{
    struct listing listing;
    const enum remote_result result = read_listing(remote, "CAPA\r\n", &listing);
    struct span text = {listing.bytes, listing.used}, line;
    bool has_them = false;
    while (span_take_line(&text, &line))
        has_them = has_them || span_equal_ignoring_case(line, SPAN_LITERAL("UIDL\r"));
    free(listing.bytes);
    if (has_them)
        return remote_fail(remote, "refuses UIDL, which it has",
                           "do it again when the old server is well");
    return result == REMOTE_REFUSED ? REMOTE_DONE : result == REMOTE_LOST ? REMOTE_FAILED : result;
}

/* "12 rest", where the number is 0 if there is none: false at the end. */
static bool next_line(struct span *text, uint64_t *out_number, struct span *out_rest)
{
    const char *end = text->length > 0 ? memchr(text->bytes, '\n', text->length) : NULL;
    if (end == NULL)
        return false;
    *out_rest = (struct span){text->bytes, (size_t)(end - text->bytes)};
    *text = (struct span){end + 1, text->length - out_rest->length - 1};
    while (out_rest->length > 0 && (out_rest->bytes[out_rest->length - 1] == '\r' ||
                                    out_rest->bytes[out_rest->length - 1] == ' '))
        out_rest->length--;
    if (!span_number(span_take_word(out_rest), out_number))
        *out_number = 0;
    while (out_rest->length > 0 && *out_rest->bytes == ' ') {
        out_rest->bytes++;
        out_rest->length--;
    }
    return true;
}
