/* SPDX-License-Identifier: MIT */
/* Files that a record of a run takes in: logs up to a limit, the user's files only where they are what
 * was shared. */
#ifndef VERIFY_RECORD_FILES_H
#define VERIFY_RECORD_FILES_H

#include <stddef.h>
#include <stdint.h>

/* The last LIMIT bytes of the file FROM to FOLDER/NAME. 0 or -errno. */
int record_copy_log(const char *from, const char *folder, const char *name, size_t limit);

/* N bytes to FOLDER/NAME, mode 0600. 0 or -errno. */
int record_write(const char *folder, const char *name, const void *data, size_t n);

/* The regular file PATH beneath DIR_FD (no symbolic link is followed) to FOLDER/PATH, with its times;
 * folders on the way are made. -EFBIG when it is longer than *ROOM, which is lowered by what was copied.
 */
int record_copy_file(int dir_fd, const char *path, const char *folder, uint64_t *room);

#endif
