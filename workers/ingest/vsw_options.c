/*
 * The command line, see vsw_options.h.
 */

#include "vsw_options.h"

#include <string.h>


static const vsw_option_t *vsw_options_find(const char *name, size_t length);
static vsw_log_level_t     vsw_options_level(const char *text);
static int vsw_options_set(vsw_options_t *options, const char *name,
                           const char *value);


const vsw_option_t vsw_options_table[] = {
    { "config", "FILE",
      "Read the configuration from FILE (YAML); without it all values are "
      "defaults." },
    { "replica", "NAME",
      "Name of this replica, instead of the configured one." },
    { "listen", "ADDRESS:PORT",
      "Where /health, /ready, /metrics and /cameras are served, instead of "
      "the configured place." },
    { "log-level", "LEVEL", "error, warn, info or debug." },
    { "log-format", "FORMAT",
      "json (a line of JSON per event) or text (for people)." },
    { "check", NULL, "Check the configuration, say what is wrong, and exit." },
    { "help", NULL, "Show this text and exit." },
    { "version", NULL, "Show the version and exit." },
    { NULL, NULL, NULL },
};


void
vsw_options_read(vsw_options_t *options, int argc, char **argv)
{
    const vsw_option_t *option;
    const char         *name, *value;
    size_t              length;
    int                 i;

    memset(options, 0, sizeof(*options));

    for (i = 1; i < argc; i++) {
        name = argv[i];
        length = strcspn(name, "=");
        option = strncmp(name, "--", 2) == 0
                     ? vsw_options_find(name + 2, length - 2)
                     : NULL;

        if (option == NULL) {
            fprintf(stderr,
                    "vstream-ingest: unknown option \"%s\"; --help lists "
                    "what there is\n",
                    name);
            options->task = VSW_USAGE;
            return;
        }

        value = name[length] == '=' ? name + length + 1 : NULL;
        if (value == NULL && option->value != NULL && i + 1 < argc) {
            value = argv[++i];
        }

        if ((value == NULL) != (option->value == NULL)) {
            fprintf(stderr, "vstream-ingest: option --%s %s\n", option->name,
                    value == NULL ? "needs a value" : "takes no value");
            options->task = VSW_USAGE;
            return;
        }

        if (vsw_options_set(options, option->name, value) != 0) {
            fprintf(stderr, "vstream-ingest: \"%s\" is no value for --%s\n",
                    value, option->name);
            options->task = VSW_USAGE;
            return;
        }
    }
}


void
vsw_options_help(FILE *out)
{
    const vsw_option_t *option;
    char                name[32];

    fprintf(out, "vstream-ingest takes cameras in and publishes them to "
                 "Redis.\n\nUsage: vstream-ingest [option ...]\n\n");

    for (option = vsw_options_table; option->name != NULL; option++) {
        snprintf(name, sizeof(name), "--%s %s", option->name,
                 option->value == NULL ? "" : option->value);
        fprintf(out, "  %-24s %s\n", name, option->text);
    }

    fprintf(out, "\nSIGTERM gives all cameras back and ends it, SIGHUP rereads "
                 "the configuration.\nExit codes: 0 all went well, 1 it could "
                 "not run, 2 command line or\nconfiguration are wrong.\n");
}


vsw_ingest_config_t *
vsw_options_config(const vsw_options_t *options, char *error, size_t error_size)
{
    vsw_ingest_config_t *config;
    const char          *problem;
    char                 path[64];
    int                  rc = 0;

    config = vsw_ingest_config_load(options->config, error, error_size);
    if (config == NULL) {
        return NULL;
    }

    if (options->replica != NULL) {
        rc |= vsw_ingest_config_text_set(&config->replica, options->replica);
    }

    if (options->listen != NULL) {
        rc |= vsw_ingest_config_text_set(&config->listen, options->listen);
    }

    if (options->log_level != NULL) {
        *config->log.level = vsw_options_level(options->log_level);
    }

    if (options->log_format != NULL) {
        *config->log.format = strcmp(options->log_format, "text") == 0
                                  ? VSW_LOG_PLAIN
                                  : VSW_LOG_JSON;
    }

    problem = rc != 0 ? "cannot be kept: out of memory"
                      : vsw_ingest_config_check(config, path, sizeof(path));
    if (problem != NULL) {
        snprintf(error, error_size, "--%s %s", rc != 0 ? "replica" : path,
                 problem);
        vsw_ingest_config_destroy(config);
        return NULL;
    }

    return config;
}


static const vsw_option_t *
vsw_options_find(const char *name, size_t length)
{
    const vsw_option_t *option;

    for (option = vsw_options_table; option->name != NULL; option++) {
        if (strlen(option->name) == length
            && memcmp(option->name, name, length) == 0) {
            return option;
        }
    }

    return NULL;
}


/* -1: there is no such level. */
static vsw_log_level_t
vsw_options_level(const char *text)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    int                      i;

    for (i = 0; i <= VSW_LOG_DEBUG; i++) {
        if (strcmp(names[i], text) == 0) {
            return (vsw_log_level_t) i;
        }
    }

    return (vsw_log_level_t) -1;
}


static int
vsw_options_set(vsw_options_t *options, const char *name, const char *value)
{
    if (strcmp(name, "config") == 0) {
        options->config = value;
    } else if (strcmp(name, "replica") == 0) {
        options->replica = value;
    } else if (strcmp(name, "listen") == 0) {
        options->listen = value;
    } else if (strcmp(name, "log-level") == 0) {
        options->log_level = value;
        return (int) vsw_options_level(value) < 0 ? -1 : 0;
    } else if (strcmp(name, "log-format") == 0) {
        options->log_format = value;
        /* NOLINTNEXTLINE(*NonNullParamChecker): the table gives it a value */
        return strcmp(value, "json") != 0 && strcmp(value, "text") != 0;
    } else if (strcmp(name, "check") == 0) {
        options->task = VSW_CHECK;
    } else if (strcmp(name, "help") == 0) {
        options->task = VSW_HELP;
    } else {
        options->task = VSW_SHOW_VERSION;
    }

    return 0;
}
