/*
 * Secrets in files: one line, in a file that others cannot read.  A name with
 * a slash is a path; one without names a file in $CREDENTIALS_DIRECTORY,
 * where systemd puts what LoadCredential= lists.
 */

#ifndef VSW_SECRET_H
#define VSW_SECRET_H

#include <stddef.h>

#define VSW_SECRET_MAX      512 /* bytes of a secret */
#define VSW_SECRET_PATH_MAX 4096


/* Where the file is.  NULL, or what is wrong, as the end of a sentence. */
const char *vsw_secret_path(const char *name, char path[VSW_SECRET_PATH_MAX]);

/* May the file be used?  NULL, or what is wrong; its content is not read. */
const char *vsw_secret_check(const char *name);

/*
 * The first line of the file, zero-terminated.  NULL, or what is wrong with
 * it.  Whoever asked clears it with explicit_bzero().
 */
const char *vsw_secret_read(const char *name, char secret[VSW_SECRET_MAX + 1]);


#endif /* VSW_SECRET_H */
