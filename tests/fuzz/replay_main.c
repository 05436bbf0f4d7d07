/* replay_main: runs a fuzzer over saved inputs, without the search.
 *
 * The same LLVMFuzzerTestOneInput that libFuzzer drives, built by any compiler: each file of each
 * folder named on the command line is one test. A broken invariant ends the process, so that the
 * last file named is the one to look at. Reads only; writes nothing but its report.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* Two times the largest command, answer or record that any parser looks at. */
#define INPUT_BYTES_MAX (1024 * 1024)

static int replay_folder(const char *folder);
static int replay_file(const char *folder, const char *name);

int main(int argument_count, char **arguments)
{
    int replayed = 0;
    for (int i = 1; i < argument_count; i++) {
        int found = replay_folder(arguments[i]);
        if (found < 0)
            return 1;
        replayed += found;
    }
    /* A fuzzer that has nothing to replay tests nothing: the empty input is always there. */
    if (LLVMFuzzerTestOneInput((const uint8_t *)"", 0) == 0)
        replayed++;
    printf("replayed %d inputs\n", replayed);
    return replayed > 1 ? 0 : 1;
}

static int replay_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) {
        fprintf(stderr, "%s: there is no such folder of saved inputs\n", folder);
        return -1;
    }
    int replayed = 0;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.')
            replayed += replay_file(folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return replayed;
}

static int replay_file(const char *folder, const char *name)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof(path))
        return 0;
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    /* In memory of exactly its size, so that a read beyond the end is seen. */
    uint8_t *all = malloc(INPUT_BYTES_MAX);
    size_t count = all ? fread(all, 1, INPUT_BYTES_MAX, file) : 0;
    uint8_t *bytes = malloc(count > 0 ? count : 1);
    fclose(file);
    if (!all || !bytes)
        exit(1);
    memcpy(bytes, all, count);
    free(all);
    printf("%s\n", path);
    fflush(stdout);
    int result = LLVMFuzzerTestOneInput(bytes, count);
    free(bytes);
    return result == 0 ? 1 : 0;
}
