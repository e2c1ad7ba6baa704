/*
 * The addresses of a host, looked up without waiting.  A name is asked for in
 * a thread of its own, since a resolver may take many seconds, and what was
 * found last serves until a newer answer is there.  For one loop; the thread
 * touches nothing but its question.
 */

#ifndef VSW_REDIS_LOOKUP_H
#define VSW_REDIS_LOOKUP_H

#include <netdb.h>
#include <stdint.h>


typedef struct vsw_redis_question_s vsw_redis_question_t;

typedef struct {
    struct addrinfo      *list;     /* what was found last, or NULL */
    vsw_redis_question_t *question; /* that is being asked, or NULL */
    int                   error;    /* of the last answer, as getaddrinfo(3) */
    unsigned              is_address : 1; /* nothing to ask */
} vsw_redis_lookup_t;                     /* all zero: nothing is known yet */


/*
 * The addresses, borrowed until the next call.  NULL: *error says why there
 * are none, or is NULL while the first answer is awaited: call again soon.
 */
const struct addrinfo *vsw_redis_lookup_get(vsw_redis_lookup_t *lookup,
                                            const char *host, uint16_t port,
                                            const char **error);

/* What is known may be out of date: asks again, if that is not under way. */
void vsw_redis_lookup_again(vsw_redis_lookup_t *lookup, const char *host,
                            uint16_t port);

void vsw_redis_lookup_clear(vsw_redis_lookup_t *lookup);


#endif /* VSW_REDIS_LOOKUP_H */
