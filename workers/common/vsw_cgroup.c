/*
 * The memory that cgroups allow, see vsw_cgroup.h.
 */

#include "vsw_cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VSW_CGROUP_PATH 4096
#define VSW_CGROUP_NONE (UINT64_C(1) << 60) /* version 1 says so, nearly */

typedef struct {
    const char *mount;
    const char *file;
} vsw_cgroup_version_t;


static uint64_t vsw_cgroup_line(const char *root, char *line);
static uint64_t vsw_cgroup_least(const char                 *root,
                                 const vsw_cgroup_version_t *version,
                                 char                       *path);
static uint64_t vsw_cgroup_read(const char                 *root,
                                const vsw_cgroup_version_t *version,
                                const char                 *path);


static const vsw_cgroup_version_t vsw_cgroup_v1 = { "/sys/fs/cgroup/memory",
                                                    "memory.limit_in_bytes" };

static const vsw_cgroup_version_t vsw_cgroup_v2 = { "/sys/fs/cgroup",
                                                    "memory.max" };


uint64_t
vsw_cgroup_memory_max(void)
{
    return vsw_cgroup_memory_max_at("");
}


uint64_t
vsw_cgroup_memory_max_at(const char *root)
{
    char     path[VSW_CGROUP_PATH], line[VSW_CGROUP_PATH];
    FILE    *file;
    uint64_t bytes, least = 0;

    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);

    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }

    while (fgets(line, sizeof(line), file) != NULL) {
        bytes = vsw_cgroup_line(root, line);
        if (bytes != 0 && (least == 0 || bytes < least)) {
            least = bytes;
        }
    }

    fclose(file);

    return least;
}


/* "<number>:<controllers>:<path>"; of version 2 there are no controllers. */
static uint64_t
vsw_cgroup_line(const char *root, char *line)
{
    char *controllers = strchr(line, ':');
    char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');

    if (path == NULL) {
        return 0;
    }

    controllers++;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';

    if (*controllers == '\0') {
        return vsw_cgroup_least(root, &vsw_cgroup_v2, path);
    }

    return strcmp(controllers, "memory") == 0
               ? vsw_cgroup_least(root, &vsw_cgroup_v1, path)
               : 0;
}


/* Of a group and all that it is in; `path` is used up. */
static uint64_t
vsw_cgroup_least(const char *root, const vsw_cgroup_version_t *version,
                 char *path)
{
    char    *end;
    uint64_t bytes, least = 0;

    do {
        bytes = vsw_cgroup_read(root, version, path);
        if (bytes != 0 && (least == 0 || bytes < least)) {
            least = bytes;
        }

        end = strrchr(path, '/');
        if (end != NULL) {
            *end = '\0';
        }
    } while (end != NULL);

    return least;
}


static uint64_t
vsw_cgroup_read(const char *root, const vsw_cgroup_version_t *version,
                const char *path)
{
    char     name[VSW_CGROUP_PATH], text[32], *end;
    FILE    *file;
    uint64_t bytes = 0;

    if (snprintf(name, sizeof(name), "%s%s%s/%s", root, version->mount, path,
                 version->file)
        >= (int) sizeof(name))
    {
        return 0;
    }

    file = fopen(name, "re");
    if (file == NULL) {
        return 0;
    }

    if (fgets(text, sizeof(text), file) != NULL) {
        bytes = strtoull(text, &end, 10); /* "max" is no number: 0 */
    }

    fclose(file);

    return bytes < VSW_CGROUP_NONE ? bytes : 0;
}
