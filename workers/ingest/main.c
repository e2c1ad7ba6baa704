/*
 * vstream-ingest: takes cameras in and publishes them to Redis.  The same
 * binary is supervisor and spawner.
 */

#include "vsw_log.h"
#include "vsw_options.h"
#include "vsw_spawner.h"
#include "vsw_supervisor.h"

#include <stdio.h>
#include <string.h>


int
main(int argc, char **argv)
{
    vsw_options_t        options;
    vsw_ingest_config_t *config;
    char                 error[VSW_INGEST_ERROR_MAX];

    if (argc > 1 && strcmp(argv[1], "--spawner") == 0) {
        vsw_spawner_run(argc, argv);
    }

    vsw_options_read(&options, argc, argv);

    switch (options.task) {
    case VSW_USAGE:
        return VSW_EXIT_USAGE;
    case VSW_HELP:
        vsw_options_help(stdout);
        return VSW_EXIT_OK;
    case VSW_SHOW_VERSION:
        printf("vstream-ingest %s\n", VSTREAM_VERSION);
        return VSW_EXIT_OK;
    case VSW_CHECK:
    case VSW_RUN:
        break;
    }

    config = vsw_options_config(&options, error, sizeof(error));
    if (config == NULL) {
        fprintf(stderr, "vstream-ingest: %s\n", error);
        return VSW_EXIT_USAGE;
    }

    if (options.task == VSW_CHECK) {
        printf("vstream-ingest: the configuration is right\n");
        vsw_ingest_config_destroy(config);
        return VSW_EXIT_OK;
    }

    vsw_log_configure(*config->log.format, *config->log.level);

    return vsw_supervisor_run(&options, config);
}
