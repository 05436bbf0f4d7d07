/* tls_tickets: the keys under which session tickets are sealed (RFC 5077, RFC 8446 section 4.6.1).
 *
 * One set for all shards, so that a session resumes on whichever it falls; optionally read from a
 * file, so that it resumes on every server of a farm. A ticket is sealed with the newest key and
 * opened with any that is still there. Without a file, keys are drawn at the start and a new one
 * every TLS_TICKET_ROTATION_S. Keys are wiped when they go.
 */
#ifndef RINGPOST_CORE_TLS_TICKETS_H
#define RINGPOST_CORE_TLS_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_TICKET_KEYS_MAX   4
#define TLS_TICKET_ROTATION_S (6 * 3600)

/* How long a ticket is good: as long as the keys that open it are sure to be there. */
#define TLS_TICKET_LIFE_S ((TLS_TICKET_KEYS_MAX - 1) * TLS_TICKET_ROTATION_S)

/* A key has a name of 16 random bytes, which a ticket carries, and 32 bytes for AES-256-GCM. */
#define TLS_TICKET_NAME_BYTES 16
#define TLS_TICKET_KEY_BYTES  32
#define TLS_TICKET_IV_BYTES   12
#define TLS_TICKET_TAG_BYTES  16

struct tls_tickets; /* immutable after it was made: shared by threads, exchanged as a whole */

/* Fresh random keys; NULL without randomness. `previous` (or NULL) hands its newest keys on, so
 * that tickets survive the rotation. */
struct tls_tickets *tls_tickets_make(const struct tls_tickets *previous);

/* Reads a file of lines "NAME KEY" in hexadecimal, the newest first, as `ringpost tls-ticket-keys`
 * writes it. NULL with a sentence (file, line) where something is wrong, also where others than the
 * owner may read the file. */
struct tls_tickets *tls_tickets_read(const char *path, char *out_error, size_t error_bytes);

void tls_tickets_free(struct tls_tickets **tickets);

/* Writes such a file with a new key in front of those that were in it (at most
 * TLS_TICKET_KEYS_MAX), durably, mode 0600. */
bool tls_tickets_rotate_file(const char *path, char *out_error, size_t error_bytes);

/* Seals `bytes` bytes of `ticket` in place. The outputs have the sizes above. */
bool tls_tickets_seal(const struct tls_tickets *tickets, uint8_t *ticket, size_t bytes,
                      uint8_t out_name[TLS_TICKET_NAME_BYTES], uint8_t out_iv[TLS_TICKET_IV_BYTES],
                      uint8_t out_tag[TLS_TICKET_TAG_BYTES]);

/* Opens in place; false where no key has the name or the seal is broken. `out_is_old` asks for a
 * new ticket. */
bool tls_tickets_open(const struct tls_tickets *tickets, uint8_t *ticket, size_t bytes,
                      const uint8_t name[TLS_TICKET_NAME_BYTES],
                      const uint8_t iv[TLS_TICKET_IV_BYTES],
                      const uint8_t tag[TLS_TICKET_TAG_BYTES], bool *out_is_old);

#endif
