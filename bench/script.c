/* script: one session of a client, as a pure machine. */
#include "bench/script_inside.h"

#include "proto/must.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const step_names[STEPS] = {
    "greeting", "tls",  "capa", "stls", "user", "pass", "auth", "apop", "stat",    "list", "uidl",
    "top",      "retr", "dele", "noop", "lhlo", "mail", "rcpt", "data", "message", "quit",
};

static enum script_result answered(struct script *script);
static void begin_answer(struct script *script);
static bool is_lmtp(const struct script *script);

const char *step_name(enum step step)
{
    return step_names[step];
}

void script_begin(struct script *script, const struct script_settings *settings,
                  const struct kind *kind, uint64_t user, struct seen *seen, char *example,
                  uint64_t seed, uint64_t now_ns)
{
    memset(script, 0, offsetof(struct script, answer));
    script->settings = settings;
    script->kind = kind;
    script->user = user;
    script->seen = seen;
    script->example = example;
    script->random = (struct random){seed};
    script->stage = STAGE_GREETING;
    listing_init(&script->listing);
    script->queue[0] = (struct script_asked){.asked_ns = now_ns, .step = STEP_GREETING};
    script->queue_count = 1;
    begin_answer(script);
}

enum script_result script_take(struct script *script, struct span *input)
{
    while (input->length > 0) {
        if (script->queue_count == 0) {
            script_fail(script, FAULT_UNASKED, "%zu bytes came that answer nothing", input->length);
            return SCRIPT_FAILED;
        }
        const struct script_asked *asked = &script->queue[script->queue_begin];
        bool was_in_body = script->answer.in_body;
        const char *before = input->bytes;
        enum answer_result result = answer_take(&script->answer, input);
        if (was_in_body && script->is_content_judged)
            content_take(&script->content, (struct span){before, (size_t)(input->bytes - before)});
        switch (result) {
        case ANSWER_MORE:
            return is_lmtp(script) || script_pop3_goes_on(script, asked) ? SCRIPT_MORE
                                                                         : SCRIPT_FAILED;
        case ANSWER_HEAD:
            break;
        case ANSWER_ROW:
            if (!script_pop3_row(script, asked))
                return SCRIPT_FAILED;
            break;
        case ANSWER_DONE:
            return answered(script);
        case ANSWER_WRONG:
            (void)script_refused(script, asked, script->answer.fault);
            return SCRIPT_FAILED;
        }
    }
    return SCRIPT_MORE;
}

enum script_wish script_say(struct script *script, struct script_out *out, uint64_t now_ns)
{
    for (;;) {
        bool may_pipeline =
            script->settings->pipelining && (script->is_logged_in || is_lmtp(script));
        if (script->queue_count > 0 && !may_pipeline)
            return SCRIPT_WAIT;
        if (script->queue_count == SCRIPT_QUEUE ||
            sizeof out->bytes - out->count < SCRIPT_COMMAND_MAX)
            return SCRIPT_WAIT;
        if (script->settings->thinks && script->is_logged_in && !script->has_thought) {
            if (script->queue_count > 0)
                return SCRIPT_WAIT;
            return script->stage == STAGE_END ? SCRIPT_END : SCRIPT_THINK;
        }
        enum script_wish wish = is_lmtp(script) ? script_lmtp_next(script, out, now_ns)
                                                : script_pop3_next(script, out, now_ns);
        if (wish != SCRIPT_SAID)
            return wish;
        script->has_thought = false;
    }
}

void script_continue(struct script *script)
{
    script->has_thought = true;
    if (script->stage == STAGE_HOLD && script->part == 1)
        script_advance(script);
}

void script_tls_began(struct script *script)
{
    script->is_encrypted = true;
}

void script_hurry(struct script *script)
{
    script->is_hurried = true;
}

enum fault script_closed(struct script *script, bool by_reset)
{
    if (script->fault != FAULT_NONE)
        return script->fault;
    if (script->queue_count == 0 && script->stage == STAGE_END)
        return FAULT_NONE;
    char waiting[64];
    const char *how = by_reset ? "reset the connection" : "closed";
    script_describe(script, waiting, sizeof waiting);
    if (script->queue_count > 0 && answer_has_begun(&script->answer))
        script_fail(script, FAULT_CUT, "the server %s in the middle of the answer to %s", how,
                    waiting);
    else
        script_fail(script, FAULT_CLOSED, "the server %s, waiting for %s", how, waiting);
    return script->fault;
}

void script_describe(const struct script *script, char *out_text, size_t text_bytes)
{
    const struct script_asked *asked = &script->queue[script->queue_begin];
    if (script->queue_count == 0) {
        snprintf(out_text, text_bytes, "nothing");
        return;
    }
    char name[16] = "";
    snprintf(name, sizeof name, "%s", step_name(asked->step));
    for (char *at = name; asked->step != STEP_GREETING && *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    if (asked->number > 0)
        snprintf(out_text, text_bytes, "%s %u", name, asked->number);
    else
        snprintf(out_text, text_bytes, "%s", name);
}

void script_fail(struct script *script, enum fault fault, const char *format, ...)
{
    if (script->fault != FAULT_NONE)
        return;
    script->fault = fault;
    char name[USER_NAME_MAX];
    size_t length = user_range_name(&script->settings->users, script->user, name);
    int used = snprintf(script->example, SCRIPT_EXAMPLE_BYTES,
                        "%.*s: ", (int)(length < 80 ? length : 80), name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(script->example + used, SCRIPT_EXAMPLE_BYTES - (size_t)used, format, arguments);
    va_end(arguments);
    for (char *at = script->example; *at != '\0'; at++)
        if (!isprint((unsigned char)*at))
            *at = '?';
}

void script_end(struct script *script)
{
    bool drains = false;
    for (uint32_t i = 0; script->kind->stages[i] != STAGE_END; i++)
        drains = drains || script->kind->stages[i] == STAGE_DRAIN;
    bool is_whole =
        script->stage == STAGE_END && script->queue_count == 0 && script->fault == FAULT_NONE;
    if (script->has_uidls && is_whole)
        seen_keep(script->seen, &script->listing, drains);
    else if (drains && !is_whole)
        seen_forget(script->seen);
    else if (script->has_stat)
        seen_shrink(script->seen, script->listing.stat_count);
    listing_fini(&script->listing);
}

void script_ask(struct script *script, struct script_out *out, enum step step, uint32_t number,
                uint64_t now_ns, const char *format, ...)
{
    must(script->queue_count < SCRIPT_QUEUE);
    uint32_t place = (script->queue_begin + script->queue_count) % SCRIPT_QUEUE;
    script->queue[place] = (struct script_asked){now_ns, number, step};
    if (script->queue_count++ == 0)
        begin_answer(script);
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof out->bytes - out->count - 2;
    int length = vsnprintf(out->bytes + out->count, room, format, arguments);
    va_end(arguments);
    must(length >= 0 && (size_t)length < room);
    out->count += (size_t)length;
    memcpy(out->bytes + out->count, "\r\n", 2);
    out->count += 2;
}

void script_advance(struct script *script)
{
    script->stage = script->kind->stages[script->stage_index];
    if (script->stage != STAGE_END)
        script->stage_index++;
    script->part = 0;
    script->number = 0;
    script->repeats = 0;
}

bool script_refused(struct script *script, const struct script_asked *asked, enum fault fault)
{
    char waiting[64];
    (void)asked;
    script_describe(script, waiting, sizeof waiting);
    struct span head = answer_head(&script->answer);
    if (head.length > 0)
        script_fail(script, fault, "%s was answered \"%.*s\"%s", waiting,
                    (int)(head.length < 120 ? head.length : 120), head.bytes,
                    script->answer.in_body ? ", and wrongly behind it" : "");
    else
        script_fail(script, fault, "%s was answered by no line that ends in CRLF", waiting);
    return false;
}

static enum script_result answered(struct script *script)
{
    script->answered = script->queue[script->queue_begin];
    bool good = is_lmtp(script) ? script_lmtp_judge(script, &script->answered)
                                : script_pop3_judge(script, &script->answered);
    if (!good)
        return SCRIPT_FAILED;
    script->queue_begin = (script->queue_begin + 1) % SCRIPT_QUEUE;
    script->queue_count--;
    if (script->queue_count > 0)
        begin_answer(script);
    return SCRIPT_ANSWERED;
}

static void begin_answer(struct script *script)
{
    enum step step = script->queue[script->queue_begin].step;
    answer_begin(&script->answer, is_lmtp(script) ? ANSWER_REPLY : script_pop3_form(step));
    script->is_content_judged = step == STEP_RETR && script->settings->check_content;
    if (script->is_content_judged)
        content_init(&script->content);
}

static bool is_lmtp(const struct script *script)
{
    return script->kind->protocol == TARGET_LMTP;
}
