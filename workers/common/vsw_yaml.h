/*
 * Where in a YAML file a value stands, so that a complaint about it can say
 * so.
 */

#ifndef VSW_YAML_H
#define VSW_YAML_H

#include <stddef.h>


/*
 * Finds `path` ("sources.allow[2]") in the file and stores line and column,
 * counted from 1.  0, or -1 if it is not there; the nearest parent that is
 * there then gives the numbers, or 1 and 1.
 */
int vsw_yaml_locate(const char *file, const char *path, size_t *line,
                    size_t *column);

/*
 * Finds the first key called `name`, in whatever mapping, that stands at line
 * `from` or below.  0, or -1 if there is none; line and column are then 1.
 */
int vsw_yaml_locate_key(const char *file, const char *name, size_t from,
                        size_t *line, size_t *column);


#endif /* VSW_YAML_H */
