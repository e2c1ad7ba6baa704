/*
 * Prints one of the contract's scripts, so that a test can hand to a real
 * Redis exactly the text that the workers hand to it.
 */

#include "vstream_schema.h"

#include <stdio.h>
#include <string.h>


int
main(int argc, char **argv)
{
    const struct {
        const char *name;
        const char *text;
    } scripts[] = {
        { "take", vstream_script_take },
        { "renew", vstream_script_renew },
        { "give_back", vstream_script_give_back },
        { "declare", vstream_script_declare },
    };

    size_t i;

    for (i = 0; argc == 2 && i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (strcmp(argv[1], scripts[i].name) == 0) {
            return fputs(scripts[i].text, stdout) < 0;
        }
    }

    fprintf(stderr, "usage: print_script take|renew|give_back|declare\n");

    return 2;
}
