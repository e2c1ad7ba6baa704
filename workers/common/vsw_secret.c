/*
 * Secrets in files, see vsw_secret.h.
 */

#include "vsw_secret.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


static const char *vsw_secret_open(const char *name, int *fd);


const char *
vsw_secret_path(const char *name, char path[VSW_SECRET_PATH_MAX])
{
    const char *folder = "";
    int         n;

    if (name[0] != '/' && strchr(name, '/') != NULL) {
        return "must be an absolute path, or a name without a slash";
    }

    if (name[0] != '/') {
        folder = getenv("CREDENTIALS_DIRECTORY");

        if (folder == NULL || folder[0] == '\0') {
            return "has no slash, so it names a file in "
                   "$CREDENTIALS_DIRECTORY, which is not set";
        }
    }

    n = snprintf(path, VSW_SECRET_PATH_MAX, "%s%s%s", folder,
                 folder[0] == '\0' ? "" : "/", name);

    return n >= VSW_SECRET_PATH_MAX ? "has a path that is too long" : NULL;
}


const char *
vsw_secret_check(const char *name)
{
    const char *problem;
    int         fd;

    problem = vsw_secret_open(name, &fd);
    if (problem == NULL) {
        close(fd);
    }

    return problem;
}


const char *
vsw_secret_read(const char *name, char secret[VSW_SECRET_MAX + 1])
{
    const char *problem;
    size_t      length = 0;
    ssize_t     n;
    char        text[VSW_SECRET_MAX + 2];
    int         fd;

    problem = vsw_secret_open(name, &fd);
    if (problem != NULL) {
        return problem;
    }

    n = read(fd, text, sizeof(text));
    close(fd);

    while (n > 0 && length < (size_t) n && strchr("\r\n", text[length]) == NULL)
    {
        length++; /* a zero byte ends it too */
    }

    if (length == 0 || length > VSW_SECRET_MAX) {
        explicit_bzero(text, sizeof(text));
        return "must hold 1 to 512 bytes in its first line";
    }

    memcpy(secret, text, length);
    secret[length] = '\0';
    explicit_bzero(text, sizeof(text));

    return NULL;
}


static const char *
vsw_secret_open(const char *name, int *fd)
{
    struct stat st;
    const char *problem;
    char        path[VSW_SECRET_PATH_MAX];

    problem = vsw_secret_path(name, path);
    if (problem != NULL) {
        return problem;
    }

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd == -1) {
        return "cannot be opened";
    }

    if (fstat(*fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        close(*fd);
        return "is no regular file";
    }

    if (st.st_mode & S_IRWXO) {
        close(*fd);
        return "is open to all users of this host; chmod o-rwx it";
    }

    return NULL;
}
