/* transcript_script: strict on purpose, as the transcripts are: a slip must not quietly test less.
 */
#include "tests/support/transcript_script.h"

#include "tests/support/transcript_text.h"

#include <stdio.h>
#include <stdlib.h>

void *transcript_script_make(size_t bytes)
{
    void *transcript = calloc(1, bytes);
    if (transcript == NULL) {
        exit(1);
    }
    return transcript;
}

void transcript_script_read(struct transcript_script *script, const char *path,
                            bool (*read_line)(void *transcript, struct span line), void *transcript)
{
    transcript_text_read(&script->text, path);
    struct span rest = {script->text.bytes, script->text.length};
    struct span line;
    for (uint32_t number = 1; transcript_text_line(&rest, &line); number++) {
        if (line.length > 0 && line.bytes[0] != '#' && !read_line(transcript, line)) {
            fprintf(stderr, "%s:%u: this is not in the format of a transcript: %.*s\n", path,
                    number, (int)line.length, line.bytes);
            exit(1);
        }
    }
}

void transcript_script_fini(struct transcript_script *script)
{
    free(script->input.bytes);
    free(script->expected.bytes);
    free(script->text.bytes);
}

void transcript_script_end_step(struct transcript_script *script)
{
    if (script->step_count == TRANSCRIPT_SCRIPT_STEPS_MAX) {
        fprintf(stderr, "a transcript has more than %d steps\n", TRANSCRIPT_SCRIPT_STEPS_MAX);
        exit(1);
    }
    script->steps[script->step_count] =
        (struct transcript_script_step){script->input.length, script->expected.length};
    script->step_count++;
}
