/* maildir_session: what the driver of Maildirs knows while one is open. Private to the rooms
 * `maildir*`.
 *
 * The messages are the records of an index: of the file, or of a block of memory where it could not
 * be written. The struct, the records in memory and the list of what was renamed since are blocks
 * of the port's memory.
 */
#ifndef RINGPOST_STORAGE_MAILDIR_SESSION_H
#define RINGPOST_STORAGE_MAILDIR_SESSION_H

#include "proto/dot_count.h"
#include "storage/maildir.h"
#include "storage/maildir_list.h"

/* Files whose bytes may still be in a plan: each takes a piece of it. */
#define MAILDIR_SENDING_MAX PLAN_PIECES_MAX

struct maildir_session {
    const struct maildir_settings *settings;
    struct disk *disk;
    int lock;                           /* handle, or -1: there is no Maildir */
    int index;                          /* handle, or -1: the index is in `image` */
    char *image;                        /* all bytes of the index, or NULL */
    struct maildir_index_header header; /* of what the session sees */
    struct maildir_list renamed;        /* as the folders were when a file was not found */
    bool has_renamed;
    uint32_t sending_count;
    int sending[MAILDIR_SENDING_MAX]; /* handles */
    char path[MAILDIR_PATH_BYTES];
};

/* `path`/`folder`/`name`, or without the folder where it is empty. */
void maildir_path(const char *path, const char *folder, struct span name,
                  char out_path[MAILDIR_FILE_BYTES]);

/* The path of one of our own files, MAILDIR_LOCK_NAME and so on: in the Maildir; or in the control
 * folder as xx/HASH-NAME, by the MAILDIR_UIDL_HASH_BYTES digits of the Maildir's path, of which the
 * first two are xx. */
void maildir_own_path(const struct maildir_session *session, const char *name,
                      char out_path[MAILDIR_FILE_BYTES]);

/* How a request ended by an error of the port. */
enum mail_result maildir_result(int64_t error);

/* Looks at the folders and the other server's list. MAIL_TEMPORARY where a folder is missing. */
enum mail_result maildir_look(const struct maildir_session *session,
                              const struct disk_access *access, struct maildir_stamp *out_stamp);

/* Reads record `index` into scratch; its spans live until the next use of scratch. MAIL_TEMPORARY
 * where the index is damaged: it has been removed, and the next session makes a new one. */
enum mail_result maildir_record_read(struct maildir_session *session,
                                     const struct disk_access *access, uint32_t index,
                                     struct maildir_record *out_record);

/* The same for as many as fit of `count` records from `index` on: their bytes are in scratch behind
 * a table of *out_count + 1 entries, which maildir_record_at reads. */
enum mail_result maildir_records_read(struct maildir_session *session,
                                      const struct disk_access *access, uint32_t index,
                                      uint32_t count, uint32_t *out_count);
bool maildir_record_at(const struct disk_access *access, uint32_t index, uint32_t at,
                       uint32_t count, struct maildir_record *out_record);

/* Opens a message's file wherever it is now, which `out_path` says; empty, and MAIL_TEMPORARY,
 * where it is gone. MAIL_PERMANENT where it cannot be read. With DISK_NOW nobody is followed:
 * MAIL_LATER. `name` must not lie in scratch. */
enum mail_result maildir_open_message(struct maildir_session *session,
                                      const struct disk_access *access, struct span name,
                                      bool in_new, int *out_file,
                                      char out_path[MAILDIR_FILE_BYTES]);

/* Finds where a file that is not where it was is now. MAIL_TEMPORARY and *out_is_gone where it is
 * nowhere. `is_stale` says that what was found before was wrong. Needs DISK_WAIT. */
enum mail_result maildir_follow(struct maildir_session *session, const struct disk_access *access,
                                struct span name, bool is_stale, char out_path[MAILDIR_FILE_BYTES],
                                bool *out_is_gone);

/* Counts a message's file through scratch. */
struct maildir_size {
    uint32_t raw_bytes;
    uint64_t octets;
    uint64_t wire_bytes; /* with stuffing, without the end */
};
enum mail_result maildir_count(const struct disk_access *access, int file,
                               struct maildir_size *out_size);

/* Ends a count of so many bytes. MAIL_PERMANENT where it is more than LIST can say. */
enum mail_result maildir_size_of(struct dot_count *count, uint64_t raw_bytes,
                                 struct maildir_size *out_size);

#endif
