/* transcript_script: what a client says and what he is to hear, whatever the protocol.
 *
 * The part of a transcript that is the same for all: its file, read line by line, and the octets of
 * both sides with the steps in which they take turns. What a line means is its reader's.
 */
#ifndef RINGPOST_TESTS_SUPPORT_TRANSCRIPT_SCRIPT_H
#define RINGPOST_TESTS_SUPPORT_TRANSCRIPT_SCRIPT_H

#include "tests/support/session_world.h"

/* Far more than anybody would want to read. */
#define TRANSCRIPT_SCRIPT_STEPS_MAX 256

/* Up to here the client has spoken, up to there the server has answered. */
struct transcript_script_step {
    size_t input_length;
    size_t expected_length;
};

struct transcript_script {
    struct session_world_bytes text; /* the file; readers may borrow spans of it */
    struct session_world_bytes input;
    struct session_world_bytes expected;
    struct transcript_script_step steps[TRANSCRIPT_SCRIPT_STEPS_MAX];
    uint32_t step_count;
};

/* Room of `bytes`, all 0, for a transcript; the test ends where there is none. */
void *transcript_script_make(size_t bytes);

/* Hands each line of a file that is neither empty nor a comment to `read_line`. What that does not
 * take is told on stderr, by line, and ends the test. */
void transcript_script_read(struct transcript_script *script, const char *path,
                            bool (*read_line)(void *transcript, struct span line),
                            void *transcript);
void transcript_script_fini(struct transcript_script *script);

/* The client speaks again, or is done: what was expected so far must have come by now. */
void transcript_script_end_step(struct transcript_script *script);

#endif
