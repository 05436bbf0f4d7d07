/* kind: the kinds of sessions, and in which shares they come. */
#include "bench/kind.h"

#include "bench/option.h"
#include "proto/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARE_MAX 1000000

static const struct kind kinds[] = {
    {"poll", "STAT: is there anything new?", TARGET_POP3, {STAGE_LOGIN, STAGE_STAT, STAGE_QUIT}},
    {"uidl", "STAT and UIDL", TARGET_POP3, {STAGE_LOGIN, STAGE_STAT, STAGE_UIDL, STAGE_QUIT}},
    {"list", "STAT and LIST", TARGET_POP3, {STAGE_LOGIN, STAGE_STAT, STAGE_LIST, STAGE_QUIT}},
    {"top",
     "STAT, LIST, UIDL and the header of every message",
     TARGET_POP3,
     {STAGE_LOGIN, STAGE_STAT, STAGE_LIST, STAGE_UIDL, STAGE_TOP, STAGE_QUIT}},
    {"fetch",
     "STAT, LIST, UIDL and RETR of what is new since the user's last session",
     TARGET_POP3,
     {STAGE_LOGIN, STAGE_STAT, STAGE_LIST, STAGE_UIDL, STAGE_NEW, STAGE_QUIT}},
    {"all",
     "the same, but RETR of every message each time",
     TARGET_POP3,
     {STAGE_LOGIN, STAGE_STAT, STAGE_LIST, STAGE_UIDL, STAGE_ALL, STAGE_QUIT}},
    {"drain",
     "the same, and DELE of every message",
     TARGET_POP3,
     {STAGE_LOGIN, STAGE_STAT, STAGE_LIST, STAGE_UIDL, STAGE_DRAIN, STAGE_QUIT}},
    {"retr",
     "STAT, LIST, and RETR of one message after the other, --commands times",
     TARGET_POP3,
     {STAGE_LOGIN, STAGE_STAT, STAGE_LIST, STAGE_AGAIN, STAGE_QUIT}},
    {"noop", "NOOP, --commands times", TARGET_POP3, {STAGE_LOGIN, STAGE_NOOP, STAGE_QUIT}},
    {"hold",
     "logs in and stays, --hold long",
     TARGET_POP3,
     {STAGE_LOGIN, STAGE_STAT, STAGE_HOLD, STAGE_QUIT}},
    {"greet", "the greeting and QUIT, without a login", TARGET_POP3, {STAGE_QUIT}},
    {"thunderbird",
     "Thunderbird's order: CAPA, login, STAT, LIST, UIDL, RETR of what is new",
     TARGET_POP3,
     {STAGE_CAPA, STAGE_LOGIN, STAGE_STAT, STAGE_LIST, STAGE_UIDL, STAGE_NEW, STAGE_QUIT}},
    {"outlook",
     "Outlook's order: CAPA, login, STAT, UIDL, LIST, RETR and DELE of every message",
     TARGET_POP3,
     {STAGE_CAPA, STAGE_LOGIN, STAGE_STAT, STAGE_UIDL, STAGE_LIST, STAGE_DRAIN, STAGE_QUIT}},
    {"deliver",
     "--messages deliveries to one user each",
     TARGET_LMTP,
     {STAGE_LHLO, STAGE_DELIVER, STAGE_QUIT}},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static bool refuse(const char *name, enum target_protocol protocol, char *out_error,
                   size_t error_bytes);

uint32_t kind_count(void)
{
    return KINDS;
}

const struct kind *kind_at(uint32_t index)
{
    must(index < KINDS);
    return &kinds[index];
}

bool mix_parse(const char *text, enum target_protocol protocol, struct mix *out_mix,
               char *out_error, size_t error_bytes)
{
    *out_mix = (struct mix){0};
    for (const char *at = text; *at != '\0';) {
        char name[32] = "";
        size_t length = strcspn(at, "=,");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        uint32_t index = 0;
        while (index < KINDS &&
               (strcmp(kinds[index].name, name) != 0 || kinds[index].protocol != protocol))
            index++;
        if (index == KINDS)
            return refuse(name, protocol, out_error, error_bytes);
        at += length;
        unsigned long share = 1;
        if (*at == '=') {
            char *end;
            share = at[1] >= '0' && at[1] <= '9' ? strtoul(at + 1, &end, 10) : SHARE_MAX + 1;
            if (share > SHARE_MAX || (*end != ',' && *end != '\0')) {
                snprintf(out_error, error_bytes,
                         "--mix: the share of %s must be a number from 0 to %d", name, SHARE_MAX);
                return false;
            }
            at = end;
        }
        out_mix->shares[index] += (uint32_t)share;
        out_mix->sum += (uint32_t)share;
        at += *at == ',';
    }
    if (out_mix->sum > 0)
        return true;
    snprintf(out_error, error_bytes, "--mix: no kind has a share; write poll=80,fetch=20");
    return false;
}

uint32_t mix_draw(const struct mix *mix, struct random *random)
{
    uint64_t drawn = random_below(random, mix->sum);
    uint32_t index = 0;
    while (drawn >= mix->shares[index])
        drawn -= mix->shares[index++];
    return index;
}

bool mix_has_stage(const struct mix *mix, enum stage stage)
{
    for (uint32_t i = 0; i < KINDS; i++)
        for (uint32_t j = 0; mix->shares[i] > 0 && kinds[i].stages[j] != STAGE_END; j++)
            if (kinds[i].stages[j] == stage)
                return true;
    return false;
}

static bool refuse(const char *name, enum target_protocol protocol, char *out_error,
                   size_t error_bytes)
{
    const char *names[KINDS + 1];
    size_t count = 0;
    for (uint32_t i = 0; i < KINDS; i++)
        if (kinds[i].protocol == protocol)
            names[count++] = kinds[i].name;
    names[count] = NULL;
    const char *nearest = option_nearest(name, names);
    int length = snprintf(out_error, error_bytes, "--mix: there is no session kind \"%s\"", name);
    if (nearest != NULL)
        length += snprintf(out_error + length, error_bytes - (size_t)length, "; did you mean %s?",
                           nearest);
    length += snprintf(out_error + length, error_bytes - (size_t)length, "%s The kinds are",
                       nearest != NULL ? "" : ".");
    for (size_t i = 0; i < count && (size_t)length < error_bytes; i++)
        length += snprintf(out_error + length, error_bytes - (size_t)length, "%s %s",
                           i == 0 ? "" : ",", names[i]);
    return false;
}
