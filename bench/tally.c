/* tally: what a thread of the generator counts, and the board where all threads put it together. */
#include "bench/tally.h"

#include "proto/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin_second(struct tally *tally, uint32_t second);
static void hand_in(struct board *board, const struct tally_second *from);

void board_init(struct board *board, uint32_t threads)
{
    *board = (struct board){.threads = threads};
    pthread_mutex_init(&board->mutex, NULL);
}

void board_fini(struct board *board)
{
    while (board->first != NULL) {
        struct tally_second *second = board->first;
        board->first = second->next;
        free(second);
    }
    pthread_mutex_destroy(&board->mutex);
}

struct tally_second *board_take(struct board *board, bool have_ended)
{
    pthread_mutex_lock(&board->mutex);
    struct tally_second *first = board->first;
    if (first != NULL && (have_ended || first->threads == board->threads))
        board->first = first->next;
    else
        first = NULL;
    pthread_mutex_unlock(&board->mutex);
    return first;
}

void tally_init(struct tally *tally, struct board *board)
{
    tally->board = board;
    begin_second(tally, 0);
    tally_total_init(&tally->total);
}

void tally_turn(struct tally *tally, uint32_t second, uint64_t open)
{
    while (tally->second.second < second) {
        tally->second.open = open;
        hand_in(tally->board, &tally->second);
        begin_second(tally, tally->second.second + 1);
    }
}

void tally_fault(struct tally_total *total, enum fault fault, const char *example)
{
    if (total->faults[fault]++ == 0)
        snprintf(total->examples[fault], SCRIPT_EXAMPLE_BYTES, "%s", example);
}

void tally_total_init(struct tally_total *total)
{
    memset(total, 0, sizeof *total);
    histogram_init(&total->latency);
    for (uint32_t i = 0; i < KINDS_MAX; i++)
        histogram_init(&total->kinds[i]);
    for (uint32_t i = 0; i < STEPS; i++)
        histogram_init(&total->steps[i]);
}

void tally_merge(struct tally_total *total, const struct tally_total *other)
{
    total->started += other->started;
    total->done += other->done;
    total->failed += other->failed;
    total->messages += other->messages;
    total->octets += other->octets;
    total->received_bytes += other->received_bytes;
    total->sent_bytes += other->sent_bytes;
    total->handshakes += other->handshakes;
    total->resumed += other->resumed;
    total->done_in_time += other->done_in_time;
    total->messages_in_time += other->messages_in_time;
    total->octets_in_time += other->octets_in_time;
    for (uint32_t i = 0; i < FAULT_KINDS; i++) {
        if (total->faults[i] == 0)
            memcpy(total->examples[i], other->examples[i], SCRIPT_EXAMPLE_BYTES);
        total->faults[i] += other->faults[i];
    }
    for (uint32_t i = 0; i < KINDS_MAX; i++) {
        total->kinds_done[i] += other->kinds_done[i];
        histogram_merge(&total->kinds[i], &other->kinds[i]);
    }
    for (uint32_t i = 0; i < STEPS; i++)
        histogram_merge(&total->steps[i], &other->steps[i]);
    histogram_merge(&total->latency, &other->latency);
}

static void begin_second(struct tally *tally, uint32_t second)
{
    memset(&tally->second, 0, offsetof(struct tally_second, latency));
    tally->second.second = second;
    histogram_init(&tally->second.latency);
}

static void hand_in(struct board *board, const struct tally_second *from)
{
    pthread_mutex_lock(&board->mutex);
    struct tally_second **at = &board->first;
    while (*at != NULL && (*at)->second < from->second)
        at = &(*at)->next;
    struct tally_second *second = *at;
    if (second == NULL || second->second != from->second) {
        second = calloc(1, sizeof *second);
        must(second != NULL);
        second->second = from->second;
        histogram_init(&second->latency);
        second->next = *at;
        *at = second;
    }
    second->threads++;
    second->started += from->started;
    second->done += from->done;
    second->failed += from->failed;
    second->open += from->open;
    second->messages += from->messages;
    second->received_bytes += from->received_bytes;
    second->sent_bytes += from->sent_bytes;
    histogram_merge(&second->latency, &from->latency);
    pthread_mutex_unlock(&board->mutex);
}
