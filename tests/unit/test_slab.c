/* test_slab: blocks that do not touch each other, a limit that holds, and memory used again. */
#include "core/slab.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#define BLOCKS_MAX 4000

TestSuite(slab);

static void *blocks[BLOCKS_MAX];

/* Takes until there is none left; says how many there were. */
static uint32_t take_all(struct slab *slab)
{
    uint32_t count = 0;
    while (count < BLOCKS_MAX && (blocks[count] = slab_take(slab)) != NULL)
        count++;
    return count;
}

static void give_all(struct slab *slab, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        slab_give(slab, blocks[i]);
}

/* Each block has its own pattern from end to end, and still has it when all are written. */
static void check_apart(size_t block_bytes, uint32_t blocks_max)
{
    struct slab slab;
    slab_init(&slab, block_bytes, blocks_max);
    uint32_t count = take_all(&slab);
    cr_assert_eq(count, blocks_max);
    for (uint32_t i = 0; i < count; i++) {
        cr_assert_eq((uintptr_t)blocks[i] % 64, 0);
        memset(blocks[i], (int)(i % 251), block_bytes);
    }
    for (uint32_t i = 0; i < count; i++) {
        const unsigned char *bytes = blocks[i];
        cr_assert_eq(bytes[0], i % 251);
        cr_assert_eq(bytes[block_bytes - 1], i % 251);
        cr_assert_eq(memcmp(bytes, bytes + 1, block_bytes - 1), 0);
    }
    give_all(&slab, count);
    slab_fini(&slab);
}

Test(slab, small_blocks_lie_apart)
{
    check_apart(8, 2000);
    check_apart(65, 2000);
}

Test(slab, blocks_of_several_chunks_lie_apart)
{
    check_apart(300 * 1000, 10);
}

Test(slab, a_block_may_be_larger_than_a_chunk)
{
    check_apart(1536 * 1024, 3);
}

Test(slab, the_limit_holds_and_what_is_given_back_counts_no_more)
{
    struct slab slab;
    slab_init(&slab, 1000, 1500);
    cr_assert_eq(take_all(&slab), 1500);
    cr_assert_null(slab_take(&slab));
    cr_assert_eq(slab.taken, 1500);
    slab_give(&slab, blocks[7]);
    cr_assert_eq(slab.taken, 1499);
    cr_assert_eq(slab_take(&slab), blocks[7]);
    cr_assert_null(slab_take(&slab));
    give_all(&slab, 1500);
    slab_fini(&slab);
}

Test(slab, the_last_one_given_is_the_next_one_taken)
{
    struct slab slab;
    slab_init(&slab, 128, 100);
    void *first = slab_take(&slab);
    void *second = slab_take(&slab);
    slab_give(&slab, first);
    slab_give(&slab, second);
    cr_expect_eq(slab_take(&slab), second);
    cr_expect_eq(slab_take(&slab), first);
    slab_give(&slab, first);
    slab_give(&slab, second);
    slab_fini(&slab);
}

Test(slab, maps_once_and_uses_again)
{
    struct slab slab;
    slab_init(&slab, 4096, BLOCKS_MAX);
    cr_assert_null(slab.chunks);
    for (uint32_t round = 0; round < 3; round++) {
        uint32_t count = 0;
        for (; count < 600; count++)
            blocks[count] = slab_take(&slab);
        give_all(&slab, count);
    }
    cr_expect_lt(slab.blocks, 600 + slab.chunk_blocks);
    cr_expect_eq(slab.taken, 0);
    slab_fini(&slab);
}

/* The system hands out zeros for what it has got back. */
Test(slab, the_memory_of_a_large_block_goes_back)
{
    enum { BYTES = 1 << 20, PAGE_MAX = 1 << 16 };
    struct slab slab;
    slab_init(&slab, BYTES, 2);
    char *block = slab_take(&slab), *other = slab_take(&slab);
    memset(block, 'x', BYTES);
    memset(other, 'y', BYTES);
    slab_give_memory(&slab, block);
    cr_assert_eq(slab_take(&slab), block);
    for (size_t i = PAGE_MAX; i < BYTES - PAGE_MAX; i++)
        cr_assert_eq(block[i], 0);
    for (size_t i = 0; i < BYTES; i++)
        cr_assert_eq(other[i], 'y', "it is the neighbour's");
    slab_give_memory(&slab, block);
    slab_give(&slab, other);
    slab_fini(&slab);
}

/* Less than a page cannot go. */
Test(slab, a_small_block_only_comes_back)
{
    struct slab slab;
    slab_init(&slab, 64, 3);
    cr_assert_eq(take_all(&slab), 3);
    memset(blocks[1], 'y', 64);
    slab_give_memory(&slab, blocks[0]);
    cr_assert_eq(*(char *)blocks[1], 'y');
    slab_give(&slab, blocks[1]);
    slab_give(&slab, blocks[2]);
    slab_fini(&slab);
}

Test(slab, without_blocks_there_are_none)
{
    struct slab slab;
    slab_init(&slab, 64, 0);
    cr_assert_null(slab_take(&slab));
    slab_fini(&slab);
}

Test(slab, a_block_that_is_missing_at_the_end_is_found, .signal = SIGABRT)
{
    struct slab slab;
    slab_init(&slab, 64, 10);
    cr_assert_not_null(slab_take(&slab));
    slab_fini(&slab);
}

Test(slab, a_block_that_was_never_taken_is_found, .signal = SIGABRT)
{
    struct slab slab;
    char block[64];
    slab_init(&slab, sizeof block, 10);
    slab_give(&slab, block);
}
