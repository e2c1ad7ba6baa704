/*
 * What vstream-ingest shows over HTTP: /health, /ready, /metrics and
 * /cameras.  For machines and operators of this host; it names cameras, but
 * neither their sources nor any secret.
 */

#ifndef VSW_INGEST_PAGES_H
#define VSW_INGEST_PAGES_H

#include "vsw_http.h"


/* A vsw_http_handler_fn; `data` is a vsw_supervisor_t. */
void vsw_ingest_pages_answer(void *data, const char *path,
                             vsw_http_answer_t *answer);


#endif /* VSW_INGEST_PAGES_H */
