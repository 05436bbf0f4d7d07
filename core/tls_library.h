/* tls_library: what the linked wolfSSL can do with this processor.
 *
 * The library as most distributions ship it does without the processor's instructions for AES, and
 * TLS then costs many times as much. Whoever runs the server must be able to see that. Nothing here
 * starts the library or allocates.
 */
#ifndef RINGPOST_CORE_TLS_LIBRARY_H
#define RINGPOST_CORE_TLS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* Does the library use instructions for AES that this processor has? May be asked by any thread. */
bool tls_library_is_accelerated(void);

/* Writes a line without its end, such as "wolfSSL 5.5.4, accelerated (AES-NI, SP)", or why it is
 * not accelerated and what to do. Cut to fit `out_bytes`, which must not be 0; always ends in NUL.
 */
void tls_library_describe(char *out, size_t out_bytes);

#endif
