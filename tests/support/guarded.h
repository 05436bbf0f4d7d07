/* guarded: memory that ends where the address space does.
 *
 * A buffer whose last byte lies directly before a page that nobody may touch: a parser that reads
 * or writes one byte too far ends the test at once, with and without sanitizers.
 */
#ifndef RINGPOST_TESTS_SUPPORT_GUARDED_H
#define RINGPOST_TESTS_SUPPORT_GUARDED_H

#include <stddef.h>

struct guarded {
    char *pages;
    size_t bytes; /* usable, a multiple of the page size */
};

/* Makes room for `most` bytes or more; ends the test where there is no memory. */
void guarded_init(struct guarded *guarded, size_t most);
void guarded_fini(struct guarded *guarded);

/* The last `count` bytes before the guard, count <= most. */
char *guarded_last(const struct guarded *guarded, size_t count);

/* The same, filled with a copy of `bytes`. */
char *guarded_copy(const struct guarded *guarded, const void *bytes, size_t count);

#endif
