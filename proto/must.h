/* must: assertions that stay in every build.
 *
 * They guard what our own code promises: entry conditions, invariants, branches that cannot be.
 * What a peer or a disk hands us is never asserted; it is checked and answered. The failing side
 * is a seam: core writes a line and aborts, a test may turn it into a failed test.
 */
#ifndef RINGPOST_PROTO_MUST_H
#define RINGPOST_PROTO_MUST_H

#define must(condition) ((condition) ? (void)0 : must_fail(#condition, __FILE__, __LINE__))

/* Reports the broken promise and ends the process; never returns. Defined by core/must_fail.c. */
_Noreturn void must_fail(const char *condition, const char *file, int line);

#endif
