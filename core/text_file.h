/* text_file: a file of text, whole in memory, for the rooms that read what an operator wrote.
 *
 * Owns nothing afterwards; never runs on a shard, because it waits for the disk. What cannot be
 * read is one sentence that names the file.
 */
#ifndef RINGPOST_CORE_TEXT_FILE_H
#define RINGPOST_CORE_TEXT_FILE_H

#include "proto/span.h"

/* Reads the file at `path`, up to `bytes_max` octets; the caller frees the bytes, which end in a
 * NUL that is not counted. NULL where it cannot be read, is no regular file, or is larger: then
 * `out_error` says so. */
char *text_file_read(const char *path, size_t bytes_max, size_t *out_bytes, char *out_error,
                     size_t error_bytes);

/* The same from the begin of an open file, which stays open; `path` is only for the sentence. */
char *text_file_read_open(int file, const char *path, size_t bytes_max, size_t *out_bytes,
                          char *out_error, size_t error_bytes);

/* Whether there is no NUL in `text`; else false, and a sentence with the line where it stands. */
bool text_file_is_text(const char *path, struct span text, char *out_error, size_t error_bytes);

/* How many line ends there are. */
size_t text_file_line_ends(struct span text);

#endif
