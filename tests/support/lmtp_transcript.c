/* lmtp_transcript: the reader of the format.
 *
 * Strict on purpose: a directive with a slip in it must not quietly test less.
 */
#include "tests/support/lmtp_transcript.h"

#include "tests/support/transcript_text.h"

#include <stdio.h>
#include <stdlib.h>

static bool read_line(void *any_transcript, struct span line);
static bool read_directive(struct lmtp_transcript *transcript, struct span name, struct span rest);
static bool read_greeting(struct lmtp_transcript *transcript, struct span rest);
static bool read_user(struct lmtp_transcript *transcript, struct span rest);
static bool read_users(struct lmtp_transcript *transcript, struct span rest);
static bool read_size(struct lmtp_transcript *transcript, struct span rest);
static bool read_recipients(struct lmtp_transcript *transcript, struct span rest);
static bool read_mistakes(struct lmtp_transcript *transcript, struct span rest);
static bool read_starttls(struct lmtp_transcript *transcript, struct span rest);
static bool read_full(struct lmtp_transcript *transcript, struct span rest);
static bool read_tls(struct lmtp_transcript *transcript, struct span rest);
static bool read_end(struct lmtp_transcript *transcript, struct span rest);
static bool append_line(struct session_world_bytes *bytes, struct span text, struct span end);

struct lmtp_transcript *lmtp_transcript_open(const char *path)
{
    struct lmtp_transcript *transcript = transcript_script_make(sizeof(*transcript));
    lmtp_world_init(&transcript->world);
    transcript_script_read(&transcript->script, path, read_line, transcript);
    transcript_script_end_step(&transcript->script);
    return transcript;
}

void lmtp_transcript_close(struct lmtp_transcript *transcript)
{
    lmtp_world_fini(&transcript->world);
    transcript_script_fini(&transcript->script);
    free(transcript->record.bytes);
    free(transcript);
}

static bool read_line(void *any_transcript, struct span line)
{
    struct lmtp_transcript *transcript = any_transcript;
    static const struct {
        const char *mark;
        bool is_client;
        size_t bytes; /* where in the transcript they go */
        const char *end;
    } marks[] = {
        {"C:", true, offsetof(struct lmtp_transcript, script.input), "\r\n"},
        {"c:", true, offsetof(struct lmtp_transcript, script.input), ""},
        {"S:", false, offsetof(struct lmtp_transcript, script.expected), "\r\n"},
        {"M:", false, offsetof(struct lmtp_transcript, record), "\r\n"},
        {"m:", false, offsetof(struct lmtp_transcript, record), ""},
        {"D:", false, offsetof(struct lmtp_transcript, record), "\n"},
    };
    struct span rest = line;
    struct span mark = span_take_word(&rest);
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (!span_equal(mark, span_of(marks[i].mark))) {
            continue;
        }
        if (marks[i].is_client) {
            transcript_script_end_step(&transcript->script);
        }
        void *bytes = (char *)transcript + marks[i].bytes;
        return append_line(bytes, rest, span_of(marks[i].end));
    }
    return mark.length > 1 && mark.bytes[0] == '@' && read_directive(transcript, mark, rest);
}

static bool read_directive(struct lmtp_transcript *transcript, struct span name, struct span rest)
{
    static const struct {
        const char *name;
        bool (*read)(struct lmtp_transcript *transcript, struct span rest);
    } directives[] = {
        {"@greeting", read_greeting},
        {"@user", read_user},
        {"@users", read_users},
        {"@size", read_size},
        {"@recipients", read_recipients},
        {"@mistakes", read_mistakes},
        {"@starttls", read_starttls},
        {"@full-is-passing", read_full},
        {"@tls", read_tls},
        {"@end", read_end},
    };
    for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
        if (span_equal(name, span_of(directives[i].name))) {
            return directives[i].read(transcript, rest);
        }
    }
    return false;
}

static bool read_greeting(struct lmtp_transcript *transcript, struct span rest)
{
    const struct lmtp_settings *settings = &transcript->world.settings;
    transcript_text_append(&transcript->script.expected,
                           "220 mail.example.org LMTP server ready\r\n");
    transcript_script_end_step(&transcript->script);
    append_line(&transcript->script.input, SPAN_LITERAL("LHLO client.example.org"),
                SPAN_LITERAL("\r\n"));
    transcript_text_append(&transcript->script.expected,
                           "250-mail.example.org\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
                           "250-SMTPUTF8\r\n250-CHUNKING\r\n250-SIZE %llu\r\n%s"
                           "250 ENHANCEDSTATUSCODES\r\n",
                           (unsigned long long)settings->message_octets_max,
                           settings->starttls ? "250-STARTTLS\r\n" : "");
    return rest.length == 0;
}

static bool read_user(struct lmtp_transcript *transcript, struct span rest)
{
    static const char *const recipients[] = {[LMTP_RECIPIENT_GOOD] = "good",
                                             [LMTP_RECIPIENT_UNKNOWN] = "unknown",
                                             [LMTP_RECIPIENT_FULL] = "full",
                                             [LMTP_RECIPIENT_TEMPORARY] = "temporary",
                                             NULL};
    static const char *const results[] = {[MAIL_DONE] = "done",
                                          [MAIL_LATER] = "-",
                                          [MAIL_IN_USE] = "in-use",
                                          [MAIL_TEMPORARY] = "temporary",
                                          [MAIL_PERMANENT] = "permanent",
                                          [MAIL_TOO_BIG] = "too-big",
                                          [MAIL_FULL] = "full",
                                          [MAIL_NO_SPACE] = "no-space",
                                          NULL};
    struct span name = span_take_word(&rest);
    uint32_t recipient, result;
    if (!transcript_text_choice(&rest, recipients, &recipient) ||
        !transcript_text_choice(&rest, results, &result)) {
        return false;
    }
    lmtp_world_add_user(&transcript->world,
                        (struct lmtp_world_user){.name = name,
                                                 .recipient = (enum lmtp_recipient_result)recipient,
                                                 .result = (enum mail_result)result});
    return rest.length == 0;
}

static bool read_users(struct lmtp_transcript *transcript, struct span rest)
{
    static const char *const formats[] = {
        [LMTP_USER_LOCAL_PART] = "local-part", [LMTP_USER_WHOLE_ADDRESS] = "whole-address", NULL};
    uint32_t format;
    if (!transcript_text_choice(&rest, formats, &format) || rest.length > 1) {
        return false;
    }
    transcript->world.settings.users =
        (struct lmtp_user_rule){.format = (enum lmtp_user_format)format,
                                .delimiter = rest.length > 0 ? rest.bytes[0] : '\0'};
    return true;
}

static bool read_size(struct lmtp_transcript *transcript, struct span rest)
{
    return span_number(rest, &transcript->world.settings.message_octets_max);
}

static bool read_recipients(struct lmtp_transcript *transcript, struct span rest)
{
    return transcript_text_number(&rest, &transcript->world.settings.recipients_max);
}

static bool read_mistakes(struct lmtp_transcript *transcript, struct span rest)
{
    return transcript_text_number(&rest, &transcript->world.settings.mistakes_max);
}

static bool read_starttls(struct lmtp_transcript *transcript, struct span rest)
{
    transcript->world.settings.starttls = true;
    return rest.length == 0;
}

static bool read_full(struct lmtp_transcript *transcript, struct span rest)
{
    transcript->world.settings.full_is_passing = true;
    return rest.length == 0;
}

static bool read_tls(struct lmtp_transcript *transcript, struct span rest)
{
    transcript->world.tls_from = transcript->script.input.length;
    return rest.length == 0;
}

static bool read_end(struct lmtp_transcript *transcript, struct span rest)
{
    static const char *const ends[] = {[LMTP_END_NONE] = "-",
                                       [LMTP_END_QUIT] = "quit",
                                       [LMTP_END_MISTAKES] = "mistakes",
                                       [LMTP_END_CHUNK] = "chunk",
                                       NULL};
    uint32_t end;
    if (!transcript_text_choice(&rest, ends, &end)) {
        return false;
    }
    transcript->is_closed = true;
    transcript->end = (enum lmtp_end)end;
    return true;
}

static bool append_line(struct session_world_bytes *bytes, struct span text, struct span end)
{
    bool is_good = transcript_text_unescape(text, bytes);
    session_world_append(bytes, end);
    return is_good;
}
