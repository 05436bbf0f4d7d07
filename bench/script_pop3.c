/* script_pop3: what a POP3 client says, and what it believes (RFC 1939, 2449, 2595, 5034).
 *
 * The inside of the room script. Each answer is held against those before it: STAT against LIST and
 * UIDL, RETR against LIST, UIDL against the user's last session.
 */
#include "bench/script_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define UIDL_MAX 70

/* The empty line that TOP puts behind a header without one. */
#define TOP_MORE_OCTETS 2

static enum script_wish bodies(struct script *script, struct script_out *out, uint64_t now_ns);
static void go_round(struct script *script);
static bool judge_stat(struct script *script);
static bool judge_count(struct script *script, const char *command, uint32_t count);
static bool judge_octets(struct script *script, const struct script_asked *asked);
static bool judge_uidl(struct script *script);
static bool two_numbers(struct span *text, uint64_t *out_first, uint64_t *out_second);

enum script_wish script_pop3_next(struct script *script, struct script_out *out, uint64_t now_ns)
{
    bool is_quiet = script->queue_count == 0;
    switch (script->stage) {
    case STAGE_GREETING:
        if (!is_quiet)
            return SCRIPT_WAIT;
        if (script->settings->stls && !script->is_encrypted)
            script->stage = STAGE_STLS;
        else
            script_advance(script);
        return script_pop3_next(script, out, now_ns);
    case STAGE_STLS:
        if (script->part == 0) {
            script->part = 1;
            script_ask(script, out, STEP_STLS, 0, now_ns, "STLS");
            return SCRIPT_SAID;
        }
        if (!script->is_encrypted)
            return is_quiet ? SCRIPT_TLS : SCRIPT_WAIT;
        script_advance(script);
        return script_pop3_next(script, out, now_ns);
    case STAGE_LOGIN:
        return script_login_next(script, out, now_ns);
    case STAGE_CAPA:
        script_ask(script, out, STEP_CAPA, 0, now_ns, "CAPA");
        break;
    case STAGE_STAT:
        script_ask(script, out, STEP_STAT, 0, now_ns, "STAT");
        break;
    case STAGE_LIST:
        script_ask(script, out, STEP_LIST, 0, now_ns, "LIST");
        break;
    case STAGE_UIDL:
        script_ask(script, out, STEP_UIDL, 0, now_ns, "UIDL");
        break;
    case STAGE_TOP:
    case STAGE_NEW:
    case STAGE_ALL:
    case STAGE_AGAIN:
    case STAGE_DRAIN:
        return bodies(script, out, now_ns);
    case STAGE_NOOP:
        script_ask(script, out, STEP_NOOP, 0, now_ns, "NOOP");
        if (++script->repeats < script->settings->commands && !script->is_hurried)
            return SCRIPT_SAID;
        break;
    case STAGE_HOLD:
        script->part = 1;
        return is_quiet ? SCRIPT_HOLD : SCRIPT_WAIT;
    case STAGE_QUIT:
        script_ask(script, out, STEP_QUIT, 0, now_ns, "QUIT");
        break;
    case STAGE_LHLO:
    case STAGE_DELIVER:
    case STAGE_END:
        return is_quiet ? SCRIPT_END : SCRIPT_WAIT;
    }
    script_advance(script);
    return SCRIPT_SAID;
}

bool script_pop3_judge(struct script *script, const struct script_asked *asked)
{
    if (!script->answer.is_positive)
        return script_refused(script, asked, FAULT_REFUSED);
    switch (asked->step) {
    case STEP_STAT:
        return judge_stat(script);
    case STEP_LIST:
        if (!judge_count(script, "LIST", script->listing.list_count))
            return false;
        if (script->listing.list_octets == script->listing.stat_octets)
            return true;
        script_fail(script, FAULT_LISTING, "LIST has %" PRIu64 " octets in all, STAT says %" PRIu64,
                    script->listing.list_octets, script->listing.stat_octets);
        return false;
    case STEP_UIDL:
        return judge_uidl(script);
    case STEP_RETR:
        script->message_count++;
        script->message_octets += script->answer.octets;
        return judge_octets(script, asked);
    case STEP_TOP:
        script->message_octets += script->answer.octets;
        return true;
    case STEP_GREETING:
        return script->settings->auth != SCRIPT_AUTH_APOP || script_login_timestamp(script);
    case STEP_PASS:
    case STEP_AUTH:
    case STEP_APOP:
        /* The challenge of AUTH LOGIN is "+ ". */
        script->is_logged_in = script->answer.line[1] == 'O';
        return true;
    case STEP_TLS:
    case STEP_CAPA:
    case STEP_STLS:
    case STEP_USER:
    case STEP_DELE:
    case STEP_NOOP:
    case STEP_QUIT:
    case STEP_LHLO:
    case STEP_MAIL:
    case STEP_RCPT:
    case STEP_DATA:
    case STEP_MESSAGE:
        return true;
    }
    return true;
}

bool script_pop3_goes_on(struct script *script, const struct script_asked *asked)
{
    if (asked->step != STEP_RETR && asked->step != STEP_TOP)
        return true;
    uint64_t listed = script->listing.octets[asked->number - 1];
    uint64_t more = asked->step == STEP_TOP ? TOP_MORE_OCTETS : 0;
    if (script->answer.octets <= listed || script->answer.octets - listed <= more)
        return true;
    script_fail(script, FAULT_OCTETS, "%s %u has brought more than the %" PRIu64 " octets of LIST",
                asked->step == STEP_TOP ? "TOP" : "RETR", asked->number, listed);
    return false;
}

bool script_pop3_row(struct script *script, const struct script_asked *asked)
{
    struct span row = script->answer.row;
    struct span shown = {row.bytes, row.length < 100 ? row.length : 100};
    uint64_t number = 0, octets = 0;
    bool good = true;
    if (asked->step == STEP_CAPA) {
        good = script->answer.lines <= ANSWER_LINES_MAX;
    } else if (script->answer.lines > script->listing.stat_count) {
        return judge_count(script, asked->step == STEP_LIST ? "LIST" : "UIDL",
                           script->answer.lines);
    } else if (asked->step == STEP_LIST) {
        good = two_numbers(&row, &number, &octets) && number == script->listing.list_count + 1 &&
               listing_add_octets(&script->listing, octets);
    } else {
        good = span_number(span_take_word(&row), &number) &&
               number == script->listing.uidl_count + 1 && row.length > 0 && row.length <= UIDL_MAX;
        for (size_t i = 0; good && i < row.length; i++)
            good = row.bytes[i] > 0x20 && row.bytes[i] < 0x7F;
        good = good && listing_add_uidl(&script->listing, row);
    }
    if (!good)
        script_fail(script, FAULT_LISTING, "row %u of %s is \"%.*s\"", script->answer.lines,
                    asked->step == STEP_LIST   ? "LIST"
                    : asked->step == STEP_UIDL ? "UIDL"
                                               : "CAPA",
                    (int)shown.length, shown.bytes);
    return good;
}

enum answer_form script_pop3_form(enum step step)
{
    switch (step) {
    case STEP_CAPA:
    case STEP_LIST:
    case STEP_UIDL:
        return ANSWER_LISTING;
    case STEP_RETR:
    case STEP_TOP:
        return ANSWER_BODY;
    case STEP_AUTH:
        return ANSWER_ASKS;
    case STEP_GREETING:
    case STEP_TLS:
    case STEP_STLS:
    case STEP_USER:
    case STEP_PASS:
    case STEP_APOP:
    case STEP_STAT:
    case STEP_DELE:
    case STEP_NOOP:
    case STEP_LHLO:
    case STEP_MAIL:
    case STEP_RCPT:
    case STEP_DATA:
    case STEP_MESSAGE:
    case STEP_QUIT:
        return ANSWER_LINE;
    }
    return ANSWER_LINE;
}

/* RETR or TOP of the next message that is wanted, or the DELE behind it. */
static enum script_wish bodies(struct script *script, struct script_out *out, uint64_t now_ns)
{
    const struct listing *listing = &script->listing;
    if (script->number == 0) {
        if (script->queue_count > 0)
            return SCRIPT_WAIT; /* for the listing */
        script->number = 1;
        script->cursor = (struct seen_cursor){0};
    }
    if (script->part == 1) {
        script->part = 0;
        script_ask(script, out, STEP_DELE, script->number - 1, now_ns, "DELE %u",
                   script->number - 1);
        return SCRIPT_SAID;
    }
    while (script->stage == STAGE_NEW && script->number <= listing->uidl_count &&
           seen_has(script->seen, listing, script->number - 1, &script->cursor))
        script->number++;
    if (script->stage == STAGE_AGAIN)
        go_round(script);
    if (script->number > listing->list_count) {
        script_advance(script);
        return script_pop3_next(script, out, now_ns);
    }
    uint32_t number = script->number++;
    if (script->stage == STAGE_TOP) {
        script_ask(script, out, STEP_TOP, number, now_ns, "TOP %u 0", number);
        return SCRIPT_SAID;
    }
    script->part = script->stage == STAGE_DRAIN;
    script_ask(script, out, STEP_RETR, number, now_ns, "RETR %u", number);
    return SCRIPT_SAID;
}

/* From the last message back to the first, until there were enough. */
static void go_round(struct script *script)
{
    uint32_t count = script->listing.list_count;
    if (script->repeats++ == script->settings->commands || script->is_hurried)
        script->number = count + 1;
    else if (script->number > count && count > 0)
        script->number = 1;
}

static bool judge_stat(struct script *script)
{
    struct span rest = answer_head(&script->answer);
    uint64_t count = 0;
    (void)span_take_word(&rest);
    if (!two_numbers(&rest, &count, &script->listing.stat_octets) || count > LISTING_MESSAGES_MAX)
        return script_refused(script, &script->answered, FAULT_LISTING);
    script->listing.stat_count = (uint32_t)count;
    script->has_stat = true;
    return true;
}

static bool judge_count(struct script *script, const char *command, uint32_t count)
{
    if (count == script->listing.stat_count)
        return true;
    script_fail(script, FAULT_LISTING, "%s has %u messages, STAT says %u", command, count,
                script->listing.stat_count);
    return false;
}

static bool judge_octets(struct script *script, const struct script_asked *asked)
{
    uint64_t listed = script->listing.octets[asked->number - 1];
    if (script->answer.octets != listed) {
        script_fail(script, FAULT_OCTETS, "RETR %u brought %" PRIu64 " octets, LIST says %" PRIu64,
                    asked->number, script->answer.octets, listed);
        return false;
    }
    if (script->is_content_judged && !content_is_good(&script->content)) {
        script_fail(script, FAULT_CONTENT, "RETR %u brought other bytes than were put in",
                    asked->number);
        return false;
    }
    return true;
}

static bool judge_uidl(struct script *script)
{
    uint32_t number = 0;
    if (!judge_count(script, "UIDL", script->listing.uidl_count))
        return false;
    if (listing_uidl_repeats(&script->listing, &number)) {
        script_fail(script, FAULT_UIDL_REPEATS, "message %u has the UIDL of another one before it",
                    number);
        return false;
    }
    script->has_uidls = true;
    if (script->settings->check_deletes && seen_comes_again(script->seen, &script->listing)) {
        script_fail(script, FAULT_NOT_DELETED,
                    "some of the %u messages that the last session deleted are there again",
                    script->seen->count);
        return false;
    }
    if (seen_has_changed(script->seen, &script->listing)) {
        script_fail(script, FAULT_UIDL_CHANGED,
                    "of %u messages of the last session some have another UIDL now",
                    script->seen->count);
        return false;
    }
    return true;
}

/* The second number ends at a space or at the end: extensions may follow (RFC 1939 section 5). */
static bool two_numbers(struct span *text, uint64_t *out_first, uint64_t *out_second)
{
    return span_number(span_take_word(text), out_first) &&
           span_number(span_take_word(text), out_second);
}
