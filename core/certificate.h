/* certificate: a self-signed certificate for a trial, and its key (RFC 5280).
 *
 * Made in memory by wolfCrypt; whoever asked for it writes it somewhere. It may serve the hosts
 * that it names and nothing else: it cannot sign others, so a client that trusts it trusts no more
 * than this server. Nothing here runs on a shard: an RSA key takes a while.
 */
#ifndef RINGPOST_CORE_CERTIFICATE_H
#define RINGPOST_CORE_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERTIFICATE_HOSTS_MAX 16
#define CERTIFICATE_HOST_MAX  253 /* RFC 1035 section 2.3.4, without the length of the root */
#define CERTIFICATE_DAYS_MAX  3650

/* The longest is CERTIFICATE_HOSTS_MAX names of CERTIFICATE_HOST_MAX octets with 1 KB around them;
 * PEM makes four thirds of it. */
#define CERTIFICATE_PEM_BYTES         8192
#define CERTIFICATE_KEY_PEM_BYTES     4096
#define CERTIFICATE_FINGERPRINT_BYTES (32 * 3)

enum certificate_algorithm { CERTIFICATE_ECDSA_P256, CERTIFICATE_RSA_2048 };

/* What is wanted. */
struct certificate_order {
    const char *hosts[CERTIFICATE_HOSTS_MAX]; /* names, the first label may be "*", or addresses */
    uint32_t host_count;                      /* at least one */
    uint32_t days;                            /* 1..CERTIFICATE_DAYS_MAX */
    enum certificate_algorithm algorithm;
};

/* What was made: texts that end in NUL. */
struct certificate {
    char pem[CERTIFICATE_PEM_BYTES];
    char key_pem[CERTIFICATE_KEY_PEM_BYTES];         /* secret */
    char fingerprint[CERTIFICATE_FINGERPRINT_BYTES]; /* SHA-256, "0A:1B:…" */
};

/* Makes it, valid from yesterday on and for so many days from now. False with a sentence where a
 * host is no name and no address, or where the library fails or was built without the making of
 * certificates; then `out_certificate` holds nothing. Else the caller wipes it. */
bool certificate_make(const struct certificate_order *order, struct certificate *out_certificate,
                      char *out_error, size_t error_bytes);

/* Overwrites it, for the sake of the key. */
void certificate_wipe(struct certificate *certificate);

#endif
