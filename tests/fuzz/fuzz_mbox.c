/* fuzz_mbox: any bytes, in any pieces, are read to an end and always to the same messages.
 *
 * The first byte chooses the dialect, the second the size of the pieces; the rest is the file.
 * Whatever the reader says is put into one trace, for the file in pieces and the file as a whole.
 */
#include "proto/must.h"
#include "storage/mbox.h"

#include <string.h>

#define FILE_MAX  65536
#define TRACE_MAX (4 * FILE_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

struct trace {
    char text[TRACE_MAX];
    size_t used;
    size_t message_bytes; /* never more than the file has */
    bool in_message;
};

static struct trace whole, pieces;

static void add(struct trace *trace, const void *bytes, size_t count)
{
    must(trace->used + count <= TRACE_MAX);
    if (count > 0)
        memcpy(trace->text + trace->used, bytes, count);
    trace->used += count;
}

static void look(struct mbox_reader *reader, struct span file, uint64_t offset)
{
    bool inside = offset <= file.length;
    size_t left = inside ? file.length - (size_t)offset : 0;
    size_t count = left < MBOX_LOOK_BYTES ? left : MBOX_LOOK_BYTES;
    mbox_looked(reader, true, (struct span){file.bytes + (file.length - left), count});
}

/* False where the reader has nothing more to say by now. */
static bool take_news(struct mbox_reader *reader, const struct mbox_news *news, struct span file,
                      struct trace *trace)
{
    switch (news->event) {
    case MBOX_BEGIN:
        must(!trace->in_message);
        trace->in_message = true;
        add(trace, "{", 1);
        add(trace, news->from.sender.bytes, news->from.sender.length);
        add(trace, &news->from.time, sizeof(news->from.time));
        return true;
    case MBOX_BYTES:
        must(trace->in_message && news->bytes.length > 0);
        trace->message_bytes += news->bytes.length;
        add(trace, news->bytes.bytes, news->bytes.length);
        return true;
    case MBOX_END:
        must(trace->in_message);
        trace->in_message = false;
        add(trace, "}", 1);
        return true;
    case MBOX_LOOK:
        look(reader, file, news->look_offset);
        return true;
    case MBOX_FOREIGN:
        must(trace->used == 0);
        return false;
    case MBOX_MORE:
    case MBOX_FINISHED:
        return false;
    }
    return false;
}

static void read_file(struct span file, enum mbox_dialect dialect, size_t piece_bytes,
                      struct trace *trace)
{
    struct mbox_reader reader;
    struct mbox_news news = {.event = MBOX_MORE};
    mbox_reader_init(&reader, dialect);
    trace->used = trace->message_bytes = 0;
    trace->in_message = false;
    for (size_t at = 0; at < file.length && news.event != MBOX_FOREIGN; at += piece_bytes) {
        size_t left = file.length - at;
        struct span input = {file.bytes + at, left < piece_bytes ? left : piece_bytes};
        do
            news = mbox_read(&reader, &input);
        while (take_news(&reader, &news, file, trace));
        must(input.length == 0 || news.event == MBOX_FOREIGN);
    }
    do
        news = mbox_read_end(&reader);
    while (take_news(&reader, &news, file, trace));
    must(!trace->in_message && trace->message_bytes <= file.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < 2 || count - 2 > FILE_MAX)
        return 0;
    struct span file = {(const char *)bytes + 2, count - 2};
    enum mbox_dialect dialect = (enum mbox_dialect)(bytes[0] % 4);
    read_file(file, dialect, file.length + 1, &whole);
    read_file(file, dialect, 1 + (size_t)bytes[1], &pieces);
    must(whole.used == pieces.used && memcmp(whole.text, pieces.text, whole.used) == 0);
    return 0;
}
