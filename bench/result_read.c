/* result_read: a file of measurements, read back.
 *
 * The inside of the room result. Its text is kept as well, for whoever hands it on as it is.
 */
#include "bench/result.h"

#include "bench/option.h"

#include <stdlib.h>

#define FILE_BYTES_MAX (256U << 20)

struct json_value *result_read(const char *path, char **out_text, size_t *out_bytes)
{
    char error[256];
    *out_text = json_load(path, FILE_BYTES_MAX, out_bytes, error, sizeof error);
    if (*out_text == NULL) {
        option_complain("%s", error);
        return NULL;
    }
    struct json_value *value = json_read((struct span){*out_text, *out_bytes}, error, sizeof error);
    const struct json_value *runs = json_member(value, "runs");
    bool is_ours = json_member_number(value, "ringbench", 0) == 1 && runs != NULL &&
                   runs->type == JSON_ARRAY && runs->first != NULL;
    if (is_ours)
        return value;
    if (value == NULL)
        option_complain("%s: %s", path, error);
    else
        option_complain("%s has no measurements of ringbench run --json", path);
    json_free(&value);
    free(*out_text);
    *out_text = NULL;
    return NULL;
}
