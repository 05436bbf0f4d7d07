/* fault: what can be wrong with a session, and how it is called. */
#include "bench/fault.h"

static const struct {
    const char *name, *meaning;
    bool wrong_server;
} faults[FAULT_KINDS] = {
    [FAULT_NONE] = {"none", "nothing is wrong", false},
    [FAULT_CONNECT] = {"connect", "no connection", false},
    [FAULT_TLS] = {"tls", "TLS failed", false},
    [FAULT_CLOSED] = {"closed", "the connection ended before QUIT", false},
    [FAULT_TIMEOUT] = {"timeout", "no answer in time", false},
    [FAULT_REFUSED] = {"refused", "the server said no", false},
    [FAULT_NOT_STARTED] = {"not-started", "due, but never begun", false},
    [FAULT_FRAMING] = {"framing", "an answer that is not POP3 or LMTP", true},
    [FAULT_STUFFING] = {"stuffing", "a dot that was not doubled", true},
    [FAULT_CUT] = {"cut", "the connection ended inside an answer", true},
    [FAULT_UNASKED] = {"unasked", "bytes that answer nothing", true},
    [FAULT_LISTING] = {"listing", "STAT, LIST and UIDL do not agree", true},
    [FAULT_OCTETS] = {"octets", "a message is not as long as LIST says", true},
    [FAULT_UIDL_REPEATS] = {"uidl-repeats", "two messages with one UIDL", true},
    [FAULT_UIDL_CHANGED] = {"uidl-changed", "a UIDL of the last session has changed", true},
    [FAULT_NOT_DELETED] = {"not-deleted", "a message that was deleted is there again", true},
    [FAULT_CONTENT] = {"content", "a message is not what it was made as", true},
};

const char *fault_name(enum fault fault)
{
    return faults[fault].name;
}

const char *fault_meaning(enum fault fault)
{
    return faults[fault].meaning;
}

bool fault_is_wrong_server(enum fault fault)
{
    return faults[fault].wrong_server;
}
