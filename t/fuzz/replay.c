/*
 * Feeds files to a fuzz target, without libFuzzer: so the corpus is a
 * regression test wherever there is a C compiler.
 */

#include "fuzz.h"

#include <stdio.h>


#define REPLAY_BYTES_MAX (1024 * 1024)


static int replay(const char *path);


int
main(int argc, char **argv)
{
    int i;

    if (argc < 2) {
        fprintf(stderr, "usage: %s file ...\n", argv[0]);
        return 2;
    }

    for (i = 1; i < argc; i++) {
        if (replay(argv[i]) != 0) {
            perror(argv[i]);
            return 1;
        }
    }

    return 0;
}


/* The copy is exact: AddressSanitizer sees a read behind its end. */
static int
replay(const char *path)
{
    static uint8_t buffer[REPLAY_BYTES_MAX];

    uint8_t *copy;
    size_t   size;
    FILE    *file;

    file = fopen(path, "rb");

    if (file == NULL) {
        return -1;
    }

    size = fread(buffer, 1, sizeof(buffer), file);
    fclose(file);

    copy = malloc(size ? size : 1);

    if (copy == NULL) {
        return -1;
    }

    memcpy(copy, buffer, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);

    return 0;
}
