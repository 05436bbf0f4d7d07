/* transcript: the reader of the format.
 *
 * Strict on purpose: a directive with a slip in it must not quietly test less.
 */
#include "tests/support/transcript.h"

#include "tests/support/transcript_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_line(void *any_transcript, struct span line);
static bool read_directive(struct transcript *transcript, struct span name, struct span rest);
static bool read_setting(struct transcript *transcript, struct span name, struct span rest);
static bool read_account(struct transcript *transcript, struct span rest);
static bool read_messages(struct transcript *transcript, struct span rest);
static bool read_listing(struct transcript *transcript, struct span rest);
static bool read_fault(struct transcript *transcript, struct span rest);
static bool read_refusals(struct transcript *transcript, struct span rest);
static bool read_end(struct transcript *transcript, struct span rest);
static bool read_removed(struct transcript *transcript, struct span rest);
static void end_message(struct transcript *transcript);

struct transcript *transcript_open(const char *path)
{
    struct transcript *transcript = transcript_script_make(sizeof(*transcript));
    session_world_init(&transcript->world);
    transcript_script_read(&transcript->script, path, read_line, transcript);
    end_message(transcript);
    transcript_script_end_step(&transcript->script);
    return transcript;
}

void transcript_close(struct transcript *transcript)
{
    session_world_fini(&transcript->world);
    for (uint32_t i = 0; i < SESSION_WORLD_ACCOUNTS_MAX; i++) {
        free(transcript->secrets[i].bytes);
    }
    transcript_script_fini(&transcript->script);
    free(transcript->message.bytes);
    free(transcript);
}

static bool read_line(void *any_transcript, struct span line)
{
    struct transcript *transcript = any_transcript;
    struct span rest = line;
    struct span mark = span_take_word(&rest);
    if (span_equal(mark, SPAN_LITERAL("M:"))) {
        session_world_append(&transcript->message, rest);
        session_world_append(&transcript->message, SPAN_LITERAL("\r\n"));
        return transcript->message_uidl.length > 0;
    }
    end_message(transcript);
    bool is_server = span_equal(mark, SPAN_LITERAL("S:"));
    bool is_client = span_equal(mark, SPAN_LITERAL("C:"));
    if (is_client || span_equal(mark, SPAN_LITERAL("c:"))) {
        transcript_script_end_step(&transcript->script);
    }
    if (is_client || is_server) {
        struct session_world_bytes *bytes =
            is_client ? &transcript->script.input : &transcript->script.expected;
        bool is_good = transcript_text_unescape(rest, bytes);
        session_world_append(bytes, SPAN_LITERAL("\r\n"));
        return is_good;
    }
    if (span_equal(mark, SPAN_LITERAL("c:"))) {
        return transcript_text_unescape(rest, &transcript->script.input);
    }
    return mark.length > 1 && mark.bytes[0] == '@' && read_directive(transcript, mark, rest);
}

static bool read_directive(struct transcript *transcript, struct span name, struct span rest)
{
    static const struct {
        const char *name;
        bool (*read)(struct transcript *transcript, struct span rest);
    } directives[] = {
        {"@account", read_account}, {"@messages", read_messages}, {"@listing", read_listing},
        {"@fault", read_fault},     {"@refusals", read_refusals}, {"@end", read_end},
        {"@removed", read_removed},
    };
    for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
        if (span_equal(name, span_of(directives[i].name))) {
            return directives[i].read(transcript, rest);
        }
    }
    struct session_world *world = &transcript->world;
    if (span_equal(name, SPAN_LITERAL("@message"))) {
        transcript->message_uidl = rest;
        return rest.length > 0;
    }
    if (span_equal(name, SPAN_LITERAL("@apop"))) {
        world->settings.apop = true;
        world->timestamp = rest;
        return rest.length > 0;
    }
    return read_setting(transcript, name, rest);
}

static bool read_setting(struct transcript *transcript, struct span name, struct span rest)
{
    struct session_world *world = &transcript->world;
    if (span_equal(name, SPAN_LITERAL("@certificate"))) {
        world->certificate = rest;
        return rest.length > 0;
    }
    if (span_equal(name, SPAN_LITERAL("@last"))) {
        world->settings.last = true;
    } else if (span_equal(name, SPAN_LITERAL("@no-plaintext"))) {
        world->settings.plaintext_login = false;
    } else if (span_equal(name, SPAN_LITERAL("@stls"))) {
        world->settings.stls = true;
    } else if (span_equal(name, SPAN_LITERAL("@external"))) {
        world->settings.external = true;
    } else if (span_equal(name, SPAN_LITERAL("@tls"))) {
        world->tls_from = transcript->script.input.length;
    } else {
        return false;
    }
    return rest.length == 0;
}

static bool read_account(struct transcript *transcript, struct span rest)
{
    struct session_world_bytes *secret = &transcript->secrets[transcript->world.account_count];
    struct span name = span_take_word(&rest);
    if (!transcript_text_unescape(rest, secret)) {
        return false;
    }
    session_world_add_account(&transcript->world, name,
                              (struct span){secret->bytes, secret->length});
    return true;
}

/* All with the longest UIDL, so that a listing of them fills a plan soonest. */
static bool read_messages(struct transcript *transcript, struct span rest)
{
    uint32_t count;
    if (!transcript_text_number(&rest, &count)) {
        return false;
    }
    for (uint32_t i = 1; i <= count; i++) {
        char uidl[MAIL_UIDL_MAX + 1];
        char text[64];
        snprintf(uidl, sizeof(uidl), "generated-%060u", i);
        snprintf(text, sizeof(text), "Subject: %u\r\n\r\nThe message.\r\n", i);
        session_world_add_message(&transcript->world, span_of(uidl), span_of(text));
    }
    return true;
}

static bool read_listing(struct transcript *transcript, struct span rest)
{
    static const char *const kinds[] = {"list", "uidl", NULL};
    uint32_t kind, first, last;
    if (!transcript_text_choice(&rest, kinds, &kind) || !transcript_text_number(&rest, &first) ||
        !transcript_text_number(&rest, &last) || last > transcript->world.message_count) {
        return false;
    }
    for (uint32_t number = first; number <= last; number++) {
        const struct mail_fact *fact = &transcript->world.messages[number - 1].fact;
        if (kind == 0) {
            transcript_text_append(&transcript->script.expected, "%u %u\r\n", number, fact->octets);
        } else {
            transcript_text_append(&transcript->script.expected, "%u %.*s\r\n", number,
                                   fact->uidl_length, fact->uidl);
        }
    }
    return true;
}

static bool read_fault(struct transcript *transcript, struct span rest)
{
    static const char *const kinds[] = {[POP3_ASK_LINE] = "-",      [POP3_ASK_ROOM] = "-",
                                        [POP3_ASK_AUTH] = "auth",   [POP3_ASK_OPEN] = "open",
                                        [POP3_ASK_FACTS] = "facts", [POP3_ASK_BODY] = "body",
                                        [POP3_ASK_TOP] = "top",     [POP3_ASK_COMMIT] = "commit",
                                        [POP3_ASK_TLS] = "-",       NULL};
    static const char *const results[] = {[MAIL_DONE] = "-",
                                          [MAIL_LATER] = "-",
                                          [MAIL_IN_USE] = "in-use",
                                          [MAIL_TEMPORARY] = "temporary",
                                          [MAIL_PERMANENT] = "permanent",
                                          [MAIL_TOO_BIG] = "too-big",
                                          [MAIL_FULL] = "-",
                                          [MAIL_NO_SPACE] = "no-space",
                                          [MAIL_PARTLY] = "partly",
                                          NULL};
    uint32_t kind, at, result;
    if (!transcript_text_choice(&rest, kinds, &kind) || !transcript_text_number(&rest, &at) ||
        !transcript_text_choice(&rest, results, &result)) {
        return false;
    }
    transcript->world.faults[kind] = (struct session_world_fault){at, (enum mail_result)result};
    return true;
}

static bool read_refusals(struct transcript *transcript, struct span rest)
{
    struct pop3_settings *settings = &transcript->world.settings;
    return transcript_text_number(&rest, &settings->refusals_before_login_max) &&
           transcript_text_number(&rest, &settings->refusals_after_login_max);
}

static bool read_end(struct transcript *transcript, struct span rest)
{
    static const char *const ends[] = {[POP3_END_NONE] = "cut",
                                       [POP3_END_QUIT] = "quit",
                                       [POP3_END_QUIT_FAILED] = "quit-failed",
                                       [POP3_END_REFUSALS] = "refusals",
                                       NULL};
    uint32_t end;
    if (!transcript_text_choice(&rest, ends, &end)) {
        return false;
    }
    transcript->is_closed = true;
    transcript->end = (enum pop3_end)end;
    return true;
}

static bool read_removed(struct transcript *transcript, struct span rest)
{
    uint32_t number;
    while (rest.length > 0) {
        if (!transcript_text_number(&rest, &number) || number > transcript->world.message_count) {
            return false;
        }
        transcript->removed[(number - 1) / 64] |= 1ULL << ((number - 1) % 64);
    }
    return true;
}

static void end_message(struct transcript *transcript)
{
    if (transcript->message_uidl.length == 0) {
        return;
    }
    session_world_add_message(&transcript->world, transcript->message_uidl,
                              (struct span){transcript->message.bytes, transcript->message.length});
    transcript->message_uidl.length = 0;
    transcript->message.length = 0;
}
