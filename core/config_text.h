/* config_text: the text of the configuration file, before it is cut into keys and values.
 *
 * Mends what libconfuse's scanner gets wrong about comments and ends, and knows how far a word is
 * from another. Pure: owns nothing, prints nothing, does not know a single key.
 */
#ifndef RINGPOST_CORE_CONFIG_TEXT_H
#define RINGPOST_CORE_CONFIG_TEXT_H

#include <stddef.h>

/* Blanks the comments in `text`, which ends in a NUL; every line keeps its number. Returns NULL, or
 * what is wrong with it and what to write instead, with the line in `out_line`. */
const char *config_text_prepare(char *text, int *out_line);

/* How many letters must be put in, left out or exchanged to make one word of the other
 * (Levenshtein's distance). SIZE_MAX where `b` has more than 39 letters. */
size_t config_text_distance(const char *a, const char *b);

#endif
