/* store: the root folder of all maildrops, and who may make it.
 *
 * A store is a folder with the sentinel file STORE_SENTINEL in it. The sentinel tells an empty
 * store from a mount point whose file system is not mounted: taking the one for the other would
 * show every user an empty maildrop. So a folder without it is never used, and it is made only
 * where the caller says so. Nothing else of a store is looked at here.
 */
#ifndef RINGPOST_CORE_STORE_H
#define RINGPOST_CORE_STORE_H

#include "core/disk_posix.h"

/* What to do where there is no store yet. */
enum store_making {
    STORE_NEVER_MAKE,
    STORE_MAKE_FOLDER,   /* the server: only where the folder itself is missing */
    STORE_MAKE_IN_EMPTY, /* the administrator: also in a folder that is there and empty */
};

/* Opens the store at `root` for disk.h. `out_made` says whether it has just been made, durably, by
 * this call; its parent folder must be there. A folder with nothing but `lost+found` in it counts
 * as empty. On failure NULL, and `out_error` is a sentence that says what to do. The disk is freed
 * with disk_posix_close. */
struct disk *store_open(const char *root, enum store_making making, bool *out_made, char *out_error,
                        size_t error_bytes);

#endif
