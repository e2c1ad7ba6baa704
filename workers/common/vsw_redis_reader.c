/*
 * The bounded reader, see vsw_redis_reader.h.
 */

#include "vsw_redis_reader.h"

#include <stdlib.h>

#if (HIREDIS_MAJOR >= 1)
typedef size_t vsw_redis_count_t;
#else
typedef int vsw_redis_count_t;
#endif


static void *vsw_redis_reader_array(const redisReadTask *task,
                                    vsw_redis_count_t    elements);


/* hiredis's own, but for arrays. */
static redisReplyObjectFunctions vsw_redis_reader_functions;
static redisReplyObjectFunctions vsw_redis_reader_defaults;


redisReader *
vsw_redis_reader_create(void)
{
    redisReader *reader = redisReaderCreate();
    size_t      *announced = calloc(1, sizeof(*announced));

    if (reader == NULL || announced == NULL) {
        free(announced);
        vsw_redis_reader_destroy(reader);
        return NULL;
    }

    vsw_redis_reader_defaults = *reader->fn;
    vsw_redis_reader_functions = *reader->fn;
    vsw_redis_reader_functions.createArray = vsw_redis_reader_array;
    reader->fn = &vsw_redis_reader_functions;
    reader->privdata = announced;

    return reader;
}


void
vsw_redis_reader_destroy(redisReader *reader)
{
    if (reader == NULL) {
        return;
    }

    free(reader->privdata);
    redisReaderFree(reader);
}


static void *
vsw_redis_reader_array(const redisReadTask *task, vsw_redis_count_t elements)
{
    size_t *announced = task->privdata;

    if (task->parent == NULL) {
        *announced = 0;
    }

    *announced += elements > 0 ? (size_t) elements : 0;

    return *announced > VSW_REDIS_ELEMENTS_MAX
               ? NULL
               : vsw_redis_reader_defaults.createArray(task, elements);
}
