/*
 * What vstream-ingest counts, as Prometheus's text format wants it (version
 * 0.0.4).  Counters of cameras count since this replica took the camera.
 */

#ifndef VSW_INGEST_METRICS_H
#define VSW_INGEST_METRICS_H

#include <stdio.h>

#include "vsw_supervisor.h"


void vsw_ingest_metrics_write(const vsw_supervisor_t *supervisor, FILE *out);


#endif /* VSW_INGEST_METRICS_H */
