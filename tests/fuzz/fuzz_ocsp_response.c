/* fuzz_ocsp_response: a file that is read as an OCSP response.
 *
 * Nothing outside it is read, no beginning of a good one is good, and without the right answer
 * there are no facts.
 */
#include "proto/must.h"
#include "proto/ocsp_response.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static enum ocsp_result parse(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    enum ocsp_result whole = parse(bytes, count);
    if (whole == OCSP_DONE || whole == OCSP_OTHER)
        must(parse(bytes, count - 1) == OCSP_BAD);
    return 0;
}

/* In memory of just that size, so that a sanitizer sees the first byte too far. */
static enum ocsp_result parse(const uint8_t *bytes, size_t count)
{
    struct ocsp_facts facts;
    char *copy = malloc(count > 0 ? count : 1);
    must(copy != NULL);
    if (count > 0)
        memcpy(copy, bytes, count);
    enum ocsp_result result =
        ocsp_response_parse((struct span){copy, count}, SPAN_LITERAL("\xb2\xc3"), &facts);
    free(copy);
    must(result == OCSP_DONE ||
         (facts.status == OCSP_GOOD && facts.begin_s == 0 && facts.end_s == 0));
    return result;
}
