/* script_lmtp: what an LMTP client says (RFC 2033), to deliver one message to one user at a time.
 *
 * The inside of the room script. With pipelining MAIL, RCPT and DATA go together (RFC 2920); the
 * message itself always waits for 354.
 */
#include "bench/script_inside.h"

#include <string.h>

enum part { PART_MAIL, PART_RCPT, PART_DATA, PART_MESSAGE };

static enum script_wish start_tls(struct script *script, struct script_out *out, uint64_t now_ns);

enum script_wish script_lmtp_next(struct script *script, struct script_out *out, uint64_t now_ns)
{
    bool is_quiet = script->queue_count == 0;
    char name[USER_NAME_MAX];
    switch (script->stage) {
    case STAGE_GREETING:
        if (!is_quiet)
            return SCRIPT_WAIT;
        script_advance(script);
        return script_lmtp_next(script, out, now_ns);
    case STAGE_LHLO:
        if (script->settings->stls && !script->is_encrypted)
            return start_tls(script, out, now_ns);
        script_ask(script, out, STEP_LHLO, 0, now_ns, "LHLO ringbench.example");
        script_advance(script);
        return SCRIPT_SAID;
    case STAGE_DELIVER:
        /* What LHLO says, and how the last message fared, comes before anything else. */
        if (!is_quiet && (script->part == PART_MAIL || script->part == PART_MESSAGE))
            return SCRIPT_WAIT;
        switch ((enum part)script->part++) {
        case PART_MAIL:
            script_ask(script, out, STEP_MAIL, 0, now_ns, "MAIL FROM:<ringbench@example.org>");
            break;
        case PART_RCPT:
            script_ask(script, out, STEP_RCPT, 0, now_ns, "RCPT TO:<%.*s>",
                       (int)user_range_name(&script->settings->users, script->user, name), name);
            break;
        case PART_DATA:
            script_ask(script, out, STEP_DATA, 0, now_ns, "DATA");
            break;
        case PART_MESSAGE:
            script_ask(script, out, STEP_MESSAGE, 0, now_ns, "%s", "");
            out->count -= 2; /* the message brings its own line ends */
            out->tail =
                script->settings
                    ->letters[random_below(&script->random, script->settings->letter_count)];
            script->message_octets += out->tail.length;
            script->part = PART_MAIL;
            if (++script->repeats >= script->settings->messages || script->is_hurried)
                script_advance(script);
            break;
        }
        return SCRIPT_SAID;
    case STAGE_QUIT:
        if (!is_quiet)
            return SCRIPT_WAIT;
        script_ask(script, out, STEP_QUIT, 0, now_ns, "QUIT");
        script_advance(script);
        return SCRIPT_SAID;
    case STAGE_CAPA:
    case STAGE_STLS:
    case STAGE_LOGIN:
    case STAGE_STAT:
    case STAGE_LIST:
    case STAGE_UIDL:
    case STAGE_TOP:
    case STAGE_NEW:
    case STAGE_ALL:
    case STAGE_AGAIN:
    case STAGE_DRAIN:
    case STAGE_NOOP:
    case STAGE_HOLD:
    case STAGE_END:
        return is_quiet ? SCRIPT_END : SCRIPT_WAIT;
    }
    return SCRIPT_END;
}

/* LHLO, STARTTLS, the handshake; then the stage begins anew (RFC 3207 section 4.2). */
static enum script_wish start_tls(struct script *script, struct script_out *out, uint64_t now_ns)
{
    if (script->queue_count > 0)
        return SCRIPT_WAIT;
    if (script->part == 2)
        return SCRIPT_TLS;
    if (script->part++ == 0)
        script_ask(script, out, STEP_LHLO, 0, now_ns, "LHLO ringbench.example");
    else
        script_ask(script, out, STEP_STLS, 0, now_ns, "STARTTLS");
    return SCRIPT_SAID;
}

bool script_lmtp_judge(struct script *script, const struct script_asked *asked)
{
    char first = script->answer.line[0];
    if (!script->answer.is_positive)
        return script_refused(script, asked, FAULT_REFUSED);
    /* 3yz is right for DATA, and for nothing else. */
    if ((first == '3') != (asked->step == STEP_DATA))
        return script_refused(script, asked, FAULT_FRAMING);
    script->message_count += asked->step == STEP_MESSAGE;
    return true;
}
