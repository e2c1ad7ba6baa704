/*
 * The memory that cgroups allow: of both versions, and of the groups around.
 */

#include "unit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vsw_cgroup.h"

static char root[] = "/tmp/vstream-cgroup-XXXXXX";


static void
write_text(const char *path, const char *text)
{
    char  name[256], *slash;
    FILE *file;

    snprintf(name, sizeof(name), "%s%s", root, path);

    for (slash = name + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(name, 0700);
        *slash = '/';
    }

    file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}


static int
make_root(void **state)
{
    (void) state;

    return mkdtemp(root) == NULL;
}


static int
remove_one(const char *path, const struct stat *status, int kind,
           struct FTW *place)
{
    (void) status;
    (void) kind;
    (void) place;

    return remove(path);
}


static int
remove_root(void **state)
{
    (void) state;

    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}


static void
nothing_is_no_bound(void **state)
{
    (void) state;
    assert_int_equal(vsw_cgroup_memory_max_at(root), 0);

    write_text("/proc/self/cgroup", "0::/gone/away\n");
    assert_int_equal(vsw_cgroup_memory_max_at(root), 0);
}


static void
the_least_around_counts(void **state)
{
    (void) state;
    write_text("/proc/self/cgroup", "0::/a.slice/b.service\n");
    write_text("/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
    write_text("/sys/fs/cgroup/a.slice/memory.max", "268435456\n");
    write_text("/sys/fs/cgroup/memory.max", "536870912\n");
    assert_int_equal(vsw_cgroup_memory_max_at(root), 268435456);

    write_text("/sys/fs/cgroup/a.slice/b.service/memory.max", "134217728\n");
    assert_int_equal(vsw_cgroup_memory_max_at(root), 134217728);

    /* in a namespace of its own the group is the root */
    write_text("/proc/self/cgroup", "0::/\n");
    assert_int_equal(vsw_cgroup_memory_max_at(root), 536870912);
}


static void
version_1_is_known(void **state)
{
    (void) state;
    write_text("/proc/self/cgroup", "9:cpu,cpuacct:/c\n5:memory:/c/d\n"
                                    "broken\n1:name=systemd:/c\n");
    write_text("/sys/fs/cgroup/memory/c/d/memory.limit_in_bytes",
               "9223372036854771712\n");
    assert_int_equal(vsw_cgroup_memory_max_at(root), 0);

    write_text("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "1048576\n");
    assert_int_equal(vsw_cgroup_memory_max_at(root), 1048576);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_no_bound),
        cmocka_unit_test(the_least_around_counts),
        cmocka_unit_test(version_1_is_known),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
