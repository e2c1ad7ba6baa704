/*
 * The addresses of a host, see vsw_redis_lookup.h.
 *
 * DESIGN  A question belongs to the thread until it is ANSWERED, and then to
 * the loop.  If the loop has ABANDONED it before, the thread frees it.
 */

#include "vsw_redis_lookup.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


enum {
    VSW_QUESTION_ASKED = 0,
    VSW_QUESTION_ANSWERED,
    VSW_QUESTION_ABANDONED,
};

struct vsw_redis_question_s {
    atomic_int       state;
    char             host[256];
    char             port[8];
    struct addrinfo *list;
    int              error;
};


static int   vsw_redis_lookup_numeric(vsw_redis_lookup_t *lookup,
                                      const char *host, uint16_t port);
static void *vsw_redis_lookup_ask(void *data);
static int   vsw_redis_lookup_thread(vsw_redis_question_t *question);
static void  vsw_redis_lookup_collect(vsw_redis_lookup_t *lookup);
static void  vsw_redis_question_destroy(vsw_redis_question_t *question);


const struct addrinfo *
vsw_redis_lookup_get(vsw_redis_lookup_t *lookup, const char *host,
                     uint16_t port, const char **error)
{
    vsw_redis_lookup_collect(lookup);
    *error = NULL;

    if (lookup->list != NULL
        || vsw_redis_lookup_numeric(lookup, host, port) == 0) {
        return lookup->list;
    }

    if (lookup->error == 0) {
        vsw_redis_lookup_again(lookup, host, port);
    }

    if (lookup->error != 0) {
        *error = gai_strerror(lookup->error);
        lookup->error = 0; /* told once; the next call asks again */
    }

    return NULL;
}


void
vsw_redis_lookup_again(vsw_redis_lookup_t *lookup, const char *host,
                       uint16_t port)
{
    vsw_redis_question_t *question;

    if (lookup->question != NULL || lookup->is_address) {
        return;
    }

    question = calloc(1, sizeof(*question));
    if (question == NULL) {
        lookup->error = EAI_MEMORY;
        return;
    }

    snprintf(question->host, sizeof(question->host), "%s", host);
    snprintf(question->port, sizeof(question->port), "%u", port);

    if (vsw_redis_lookup_thread(question) != 0) {
        free(question);
        lookup->error = EAI_AGAIN;
        return;
    }

    lookup->question = question;
}


void
vsw_redis_lookup_clear(vsw_redis_lookup_t *lookup)
{
    vsw_redis_question_t *question = lookup->question;

    if (question != NULL
        && atomic_exchange(&question->state, VSW_QUESTION_ABANDONED)
               == VSW_QUESTION_ANSWERED)
    {
        vsw_redis_question_destroy(question);
    }

    if (lookup->list != NULL) {
        freeaddrinfo(lookup->list);
    }

    memset(lookup, 0, sizeof(*lookup));
}


/* An address is its own answer. */
static int
vsw_redis_lookup_numeric(vsw_redis_lookup_t *lookup, const char *host,
                         uint16_t port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST };
    char            text[8];

    snprintf(text, sizeof(text), "%u", port);

    lookup->is_address = getaddrinfo(host, text, &hints, &lookup->list) == 0;

    return lookup->is_address ? 0 : -1;
}


/* Signals are for the thread that runs the loop. */
static int
vsw_redis_lookup_thread(vsw_redis_question_t *question)
{
    pthread_t thread;
    sigset_t  all, former;
    int       rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    rc = pthread_create(&thread, NULL, vsw_redis_lookup_ask, question);
    pthread_sigmask(SIG_SETMASK, &former, NULL);

    return rc == 0 ? pthread_detach(thread) : rc;
}


static void *
vsw_redis_lookup_ask(void *data)
{
    vsw_redis_question_t *question = data;
    struct addrinfo       hints = { .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG };

    question->error =
        getaddrinfo(question->host, question->port, &hints, &question->list);

    if (atomic_exchange(&question->state, VSW_QUESTION_ANSWERED)
        == VSW_QUESTION_ABANDONED)
    {
        vsw_redis_question_destroy(question);
    }

    return NULL;
}


/* Where there is an answer, it replaces what was known; an error does not. */
static void
vsw_redis_lookup_collect(vsw_redis_lookup_t *lookup)
{
    vsw_redis_question_t *question = lookup->question;

    if (question == NULL
        || atomic_load(&question->state) != VSW_QUESTION_ANSWERED) {
        return;
    }

    lookup->question = NULL;
    lookup->error = question->error;

    if (question->error == 0) {
        if (lookup->list != NULL) {
            freeaddrinfo(lookup->list);
        }
        lookup->list = question->list;
        question->list = NULL;
    }

    vsw_redis_question_destroy(question);
}


static void
vsw_redis_question_destroy(vsw_redis_question_t *question)
{
    if (question->list != NULL) {
        freeaddrinfo(question->list);
    }

    free(question);
}
