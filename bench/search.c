/* search: looks for the highest rate that a server keeps up with. */
#include "bench/search.h"

#define RATE_MIN 0.5
#define RATE_MAX 5e6

void search_init(struct search *search, double first_rate)
{
    *search = (struct search){.rate = first_rate};
}

bool search_goes_on(struct search *search, bool was_kept)
{
    if (was_kept)
        search->good = search->rate;
    else
        search->too_high = search->rate;
    if (search->too_high == 0)
        search->rate *= 2;
    else if (search->good == 0)
        search->rate /= 2;
    else
        search->rate = (search->good + search->too_high) / 2;
    bool is_close = search->good > 0 && search->too_high > 0 &&
                    search->too_high <= search->good * SEARCH_CLOSENESS;
    return !is_close && ++search->steps < SEARCH_STEPS_MAX && search->rate >= RATE_MIN &&
           search->rate <= RATE_MAX;
}
