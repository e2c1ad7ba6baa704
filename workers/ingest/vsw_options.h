/*
 * The command line of vstream-ingest.  One table feeds the parser, --help and
 * the README, whose section is checked against it.
 */

#ifndef VSW_OPTIONS_H
#define VSW_OPTIONS_H

#include <stdio.h>

#include "vsw_ingest_config.h"

/* Exit codes. */
#define VSW_EXIT_OK      0
#define VSW_EXIT_RUNTIME 1
#define VSW_EXIT_USAGE   2 /* command line or configuration */


typedef struct {
    const char *name;  /* "config" */
    const char *value; /* "FILE"; NULL: it takes none */
    const char *text;  /* one sentence */
} vsw_option_t;

/* Ends with an entry whose name is NULL. */
extern const vsw_option_t vsw_options_table[];

typedef enum {
    VSW_RUN,
    VSW_CHECK,
    VSW_HELP,
    VSW_SHOW_VERSION,
    VSW_USAGE, /* something is wrong; it has been said on standard error */
} vsw_task_t;

typedef struct {
    vsw_task_t  task;
    const char *config;
    const char *replica; /* these override the file; NULL: not given */
    const char *listen;
    const char *log_level;
    const char *log_format;
} vsw_options_t;


void vsw_options_read(vsw_options_t *options, int argc, char **argv);
void vsw_options_help(FILE *out);

/*
 * The configuration file with the options laid over it.  NULL: `error` says
 * what is wrong.
 */
vsw_ingest_config_t *vsw_options_config(const vsw_options_t *options,
                                        char *error, size_t error_size);


#endif /* VSW_OPTIONS_H */
