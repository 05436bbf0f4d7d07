/* letters: the messages that a run of LMTP delivers, made once and kept in memory. */
#include "bench/letters.h"

#include "bench/specimen.h"
#include "proto/must.h"

#include <stdlib.h>

/* Which of the seed's streams draws the sizes. */
#define SIZES_STREAM 77

void letters_init(struct letters *letters, uint64_t seed, uint64_t bytes)
{
    bool is_large = bytes > LETTER_BYTES_MAX / LETTERS_MAX;
    letters->count = is_large ? (uint32_t)(LETTER_BYTES_MAX / bytes) : LETTERS_MAX;
    if (letters->count == 0)
        letters->count = 1;
    letters->each = calloc(letters->count, sizeof *letters->each);
    must(letters->each != NULL);
    struct specimen specimen;
    struct random random = random_stream(seed, SIZES_STREAM);
    specimen_init(&specimen);
    for (uint32_t i = 0; i < letters->count; i++) {
        specimen_make(&specimen, seed, i, bytes > 0 ? bytes : specimen_size_draw(&random),
                      SPAN_LITERAL("user@example.org"));
        letters->each[i] = specimen_wire(&specimen);
    }
    specimen_fini(&specimen);
}

void letters_fini(struct letters *letters)
{
    for (uint32_t i = 0; i < letters->count; i++)
        free((char *)(uintptr_t)letters->each[i].bytes);
    free(letters->each);
    *letters = (struct letters){0};
}
