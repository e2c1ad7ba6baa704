/*
 * How much memory the kernel lets this process and its like have: the least
 * that a cgroup around it allows, of version 1 or 2 (cgroups(7)).  A container
 * or a service of systemd has such a bound; whoever goes beyond it is killed.
 */

#ifndef VSW_CGROUP_H
#define VSW_CGROUP_H

#include <stdint.h>


/* In bytes; 0: none, or none that can be read. */
uint64_t vsw_cgroup_memory_max(void);

/* The same below `root`, which stands for "/": for tests. */
uint64_t vsw_cgroup_memory_max_at(const char *root);


#endif /* VSW_CGROUP_H */
