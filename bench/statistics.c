/* statistics: whether two sets of repeated measurements differ, and by how much. */
#include "bench/statistics.h"

#include <math.h>
#include <stddef.h>

static double mean_of(const double *values, uint32_t count);
static double variance_of(const double *values, uint32_t count, double mean);

struct difference statistics_compare(const double *a, uint32_t count_a, const double *b,
                                     uint32_t count_b)
{
    struct difference result = {.mean_a = mean_of(a, count_a), .mean_b = mean_of(b, count_b)};
    double difference = result.mean_b - result.mean_a;
    double margin = 0;
    result.has_interval = count_a >= 2 && count_b >= 2;
    if (result.has_interval) {
        double part_a = variance_of(a, count_a, result.mean_a) / count_a;
        double part_b = variance_of(b, count_b, result.mean_b) / count_b;
        double sum = part_a + part_b;
        /* Welch and Satterthwaite. */
        double degrees =
            sum > 0
                ? sum * sum / (part_a * part_a / (count_a - 1) + part_b * part_b / (count_b - 1))
                : 1e6;
        margin = statistics_student(degrees) * sqrt(sum);
    }
    result.low = difference - margin;
    result.high = difference + margin;
    return result;
}

double statistics_student(double degrees)
{
    static const double points[] = {12.706, 4.303, 3.182, 2.776, 2.571,
                                    2.447,  2.365, 2.306, 2.262, 2.228};
    size_t known = sizeof points / sizeof points[0];
    if (degrees < 1)
        degrees = 1;
    if (degrees < (double)known) {
        size_t below = (size_t)degrees;
        double part = degrees - (double)below;
        return points[below - 1] + part * (points[below] - points[below - 1]);
    }
    /* Cornish and Fisher's expansion around the normal distribution. */
    double z = 1.959964;
    double first = (z * z * z + z) / 4;
    double second = (5 * pow(z, 5) + 16 * z * z * z + 3 * z) / 96;
    return z + first / degrees + second / (degrees * degrees);
}

static double mean_of(const double *values, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    return sum / count;
}

static double variance_of(const double *values, uint32_t count, double mean)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return sum / (count - 1);
}
