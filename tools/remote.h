/* remote: the maildrop of one user on another POP3 server.
 *
 * libcurl connects, encrypts and logs in; the commands after that are said here. It lists numbers,
 * octets and UIDLs, gives messages as they come, and never deletes. A connection that is lost is
 * made again, and goes on only where the maildrop is still the same. It owns the connection and the
 * list.
 */
#ifndef RINGPOST_TOOLS_REMOTE_H
#define RINGPOST_TOOLS_REMOTE_H

#include "core/password.h"
#include "proto/span.h"
#include "tools/command.h"
#include "tools/curl_library.h"

#define REMOTE_SENTENCE_BYTES 1024
#define REMOTE_BUFFER_BYTES   (64 * 1024)

/* How to reach and log in to the other server, the same for all users of a command. */
struct remote_order {
    const char *login;     /* a template (tools/template.h), default %u */
    const char *master;    /* logs in instead, for the user: SASL's authorization identity */
    const char *cacert;    /* PEM, instead of the system's */
    const char *passwords; /* a file with a line NAME:PASSWORD for each user, or NULL */
    bool insecure;         /* certificates are not checked */
    bool plaintext;        /* pop3:// without STLS */
    bool has_password;
    char password[PASSWORD_MAX + 1]; /* for every login, NUL-terminated */
};

struct remote_message {
    uint32_t number;
    uint64_t octets;  /* as LIST says */
    struct span uidl; /* borrowed; empty where the server does not say */
};

struct remote {
    const struct run *run;
    const struct remote_order *order;
    const char *url; /* pop3://HOST[:PORT] or pop3s://HOST[:PORT] */
    char login[1024];
    char authorization[1024]; /* or "" */
    char password[PASSWORD_MAX + 1];
    struct curl_library curl;
    CURL *easy;
    char *uidl_text; /* the answer to UIDL; the messages' UIDLs point into it */
    struct remote_message *messages;
    uint32_t count;
    bool has_uidls;
    size_t begin, end; /* of what was received and not used, in `buffer` */
    char curl_error[CURL_ERROR_SIZE];
    char error[REMOTE_SENTENCE_BYTES]; /* why something was not done */
    char buffer[REMOTE_BUFFER_BYTES];
};

/* Takes pieces of a message, without stuffed dots and with CRLF line ends. */
struct remote_sink {
    void *owner;
    void (*take)(void *owner, struct span bytes);
};

enum remote_result {
    REMOTE_DONE,
    REMOTE_REFUSED,     /* this message is not given, or has no end: others may go on */
    REMOTE_LOST,        /* the connection has ended in between; what was taken is to be forgotten */
    REMOTE_FAILED,      /* a sentence is in `error` */
    REMOTE_INTERRUPTED, /* by the person */
};

/* Logs `user` in at `url` and reads the list. After REMOTE_FAILED, as after success, remote_close.
 */
enum remote_result remote_open(struct remote *remote, const struct run *run,
                               const struct remote_order *order, const char *user, const char *url);
void remote_close(struct remote *remote);

/* Gives a message to `sink`; in any result but REMOTE_DONE it has got a part of it, or nothing. */
enum remote_result remote_retrieve(struct remote *remote, const struct remote_message *message,
                                   const struct remote_sink *sink);

/* After REMOTE_LOST or REMOTE_REFUSED: connects anew. REMOTE_FAILED where the maildrop is not the
 * same any more. */
enum remote_result remote_reopen(struct remote *remote);

#endif
