/* transcript_text: the pieces that transcripts of every protocol are written in.
 *
 * Lines of a file, words and numbers in them, and the escapes in what a client says. Knows nothing
 * of a protocol; what a line means is its reader's.
 */
#ifndef RINGPOST_TESTS_SUPPORT_TRANSCRIPT_TEXT_H
#define RINGPOST_TESTS_SUPPORT_TRANSCRIPT_TEXT_H

#include "tests/support/session_world.h"

/* Appends a whole file; one that cannot be opened ends the test. */
void transcript_text_read(struct session_world_bytes *bytes, const char *path);

/* Takes a line off the front, without its end. False where there is none. */
bool transcript_text_line(struct span *text, struct span *out_line);

/* Appends what the text stands for: \r \n \\ \xHH, and \{300*a} for 300 letters a. False where an
 * escape is none of these. */
bool transcript_text_unescape(struct span text, struct session_world_bytes *out_bytes);

/* Takes a word off the front: a number, or one of the choices, whose list ends in NULL. */
bool transcript_text_number(struct span *rest, uint32_t *out_number);
bool transcript_text_choice(struct span *rest, const char *const *choices, uint32_t *out_index);

/* Appends a formatted text of fewer than 256 octets. */
void transcript_text_append(struct session_world_bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
