/* must_fail: the end of the process when one of our own promises is broken.
 *
 * One line to stderr, without buffers or locks that the broken state could hold, then abort, so
 * that a core file shows the place.
 */
#include "proto/must.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void must_fail(const char *condition, const char *file, int line)
{
    dprintf(2, "ringpost: broken promise at %s:%d: %s\n", file, line, condition);
    abort();
}
