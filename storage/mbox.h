/* mbox: reads and writes mail folders in one file, as bytes that flow through.
 *
 * The reader takes a file in pieces of any size and says where messages begin and end and what is
 * in them; the writer makes a folder from stored messages. Both know no file and no clock, and own
 * no memory but their own struct. Line ends may be LF or CRLF, lines may have any length, and bytes
 * any value.
 *
 * A message begins with a line "From SENDER DATE" that follows an empty line or begins the file.
 * The empty line before it, or before the end of the file, is a separator and not part of a
 * message.
 */
#ifndef RINGPOST_STORAGE_MBOX_H
#define RINGPOST_STORAGE_MBOX_H

#include "proto/dot.h"
#include "proto/span.h"

/* A longer line is none that begins a message. */
#define MBOX_FROM_LINE_MAX 1024

/* What a "From " inside a message looks like, and whether Content-Length says where it ends. */
enum mbox_dialect {
    MBOX_RD,  /* mboxrd: `>` before each line of `>`* and "From "; one is taken away again */
    MBOX_O,   /* mboxo: `>` before "From " only; only ">From " loses it */
    MBOX_CL,  /* mboxcl: as mboxo, with Content-Length */
    MBOX_CL2, /* mboxcl2: nothing is quoted, Content-Length alone counts */
};

enum mbox_event {
    MBOX_MORE,     /* all input is used */
    MBOX_BEGIN,    /* a message begins: `from` */
    MBOX_BYTES,    /* bytes of the message: `bytes` */
    MBOX_END,      /* the message is complete */
    MBOX_LOOK,     /* what is at `look_offset` of the file? answer with mbox_looked */
    MBOX_FOREIGN,  /* the file does not begin as an mbox does; nothing more will come of it */
    MBOX_FINISHED, /* the file is over */
};

/* What a "From " line says. `sender` may be empty. `time` is in seconds since 1970 in UTC; a line
 * without a zone is taken as UTC. */
struct mbox_from {
    struct span sender;
    bool has_time;
    int64_t time;
};

/* What decides whether a Content-Length is right: its last byte, and CRLF and "From " behind it. */
#define MBOX_LOOK_BYTES 8

/* Spans are borrowed until the next call, from the input or from the reader. */
struct mbox_news {
    enum mbox_event event;
    struct mbox_from from;
    struct span bytes;
    uint64_t look_offset;
};

/* Where the reader is. Private to the room. */
enum mbox_place {
    MBOX_BEFORE_FIRST, /* nothing but empty lines so far */
    MBOX_LINE_START,   /* `held` has the line so far, when that is not yet decided */
    MBOX_IN_LINE,
    MBOX_IN_CLAIM, /* in bytes that Content-Length counts */
    MBOX_ASKING,   /* MBOX_LOOK was said */
    MBOX_AT_FROM,  /* `held` is a line that begins a message */
    MBOX_STRANGE,
};

/* A line with its CRLF, and an empty line before it. */
#define MBOX_HELD_MAX (MBOX_FROM_LINE_MAX + 4)

struct mbox_reader {
    enum mbox_dialect dialect;
    enum mbox_place place;
    bool in_message;
    bool in_header;
    bool has_claim;       /* this header has a Content-Length */
    uint64_t claim;       /* its value; in the body what of it is still to come */
    uint64_t offset;      /* bytes of the file that were used */
    uint32_t blank_bytes; /* an empty line at the start of `held`: 0, 1 (LF) or 2 (CRLF) */
    uint32_t held_bytes;
    char held[MBOX_HELD_MAX]; /* an empty line, and a line that is not yet decided */
};

void mbox_reader_init(struct mbox_reader *reader, enum mbox_dialect dialect);

/* Takes bytes off the front of `input` up to the next news. On MBOX_MORE the input is used up; come
 * with the bytes that follow it. */
struct mbox_news mbox_read(struct mbox_reader *reader, struct span *input);

/* The file is over, after MBOX_MORE: call until MBOX_FINISHED. A file of nothing, or of empty
 * lines, is an mbox without messages. */
struct mbox_news mbox_read_end(struct mbox_reader *reader);

/* The answer to MBOX_LOOK, which the dialects with Content-Length ask, before the next mbox_read:
 * up to MBOX_LOOK_BYTES bytes at that offset, fewer only where the file ends, none where it has
 * ended before. `inside` is false where the caller cannot look. Content-Length counts only if the
 * message ends there: at an empty line that "From " or the end of the file follows, or at the end
 * of the file itself. */
void mbox_looked(struct mbox_reader *reader, bool inside, struct span bytes);

/* Whether a line (without its end) can begin a message, and what it says: "From ", and somewhere
 * after it a word that is a time of day, hh:mm. The sender is borrowed from the line. */
bool mbox_parse_from(struct span line, struct mbox_from *out_from);

/* "From " line, ">From " or the blank line: what is written between the message's own bytes. */
#define MBOX_WRITER_TEXT 64

/* The writer of one message, in dialect mboxrd with LF line ends. */
struct mbox_writer {
    struct dot_decoder decoder;
    uint32_t matched; /* bytes of "From " that the line has shown so far, held back */
    bool in_line;     /* and no longer in the `>` at its start */
    bool finished;
    uint32_t text_used, text_bytes;
    char text[MBOX_WRITER_TEXT]; /* goes out next */
    uint32_t plain_used, plain_bytes;
    char plain[1024]; /* the message, decoded and not yet quoted */
};

/* Begins a message: "From ringpost@localhost" and `time`, seconds since 1970, in UTC, in the form
 * that every reader knows. A time before year 0 or after 9999 is written as 1970. */
void mbox_writer_init(struct mbox_writer *writer, int64_t time);

/* Takes a stored message in wire form, ending in ".CRLF", off the front of `wire` and writes the
 * folder's bytes, the empty line after the message too, until `wire` is used up or `out` is full.
 * Returns the bytes written. Go on, perhaps with an empty `wire`, until mbox_writer_is_done. */
size_t mbox_write(struct mbox_writer *writer, struct span *wire, char *out, size_t out_bytes);

/* Whether all of a complete message was written. Where `wire` is over and nothing more is written
 * and this is false, the message is cut off. */
bool mbox_writer_is_done(const struct mbox_writer *writer);

#endif
