/*
 * The head of a polled camera's answer, as libcurl gives it line by line: what
 * is kept of it, and sent back with the next request, is words of the
 * camera's, bounded, and one line of a request each.
 */

#include "fuzz.h"

#include "vsw_source_poll.c"


static void
check_validator(const char *validator, vstream_slice_t head)
{
    size_t i, length = strnlen(validator, VSW_POLL_VALIDATOR_MAX);

    fuzz_check(length < VSW_POLL_VALIDATOR_MAX);
    fuzz_check(length == 0
               || memmem(head.data, head.length, validator, length) != NULL);

    for (i = 0; i < length; i++) {
        fuzz_check((uint8_t) validator[i] >= ' ');
    }
}


static void
check_request(vsw_poll_t *poll)
{
    unsigned                 n = 0;
    const struct curl_slist *line;

    poll->known = poll->head;
    fuzz_check(vsw_poll_headers_set(poll));

    for (line = poll->headers; line != NULL; line = line->next) {
        fuzz_check(strpbrk(line->data, "\r\n") == NULL);
        n++;
    }

    fuzz_check(n
               == 1u + (poll->head.etag[0] != '\0')
                      + (poll->head.modified[0] != '\0'));
    curl_slist_free_all(poll->headers);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static CURL *curl;

    uint8_t        *copy;
    vsw_poll_t      poll = { .curl = NULL };
    vstream_slice_t head = fuzz_slice(data, size), line;

    curl = poll.curl = curl != NULL ? curl : curl_easy_init();
    fuzz_check(curl != NULL);

    while (size > 0) {
        line = fuzz_line(&data, &size);
        line.length = (size_t) ((const char *) data - line.data);
        copy = fuzz_copy(line.data, line.length);
        fuzz_check(vsw_poll_head_write((char *) copy, 1, line.length, &poll)
                   == line.length);
        free(copy);
    }

    check_validator(poll.head.etag, head);
    check_validator(poll.head.modified, head);
    check_request(&poll);

    return 0;
}
