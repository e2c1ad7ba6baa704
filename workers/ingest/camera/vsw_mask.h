/*
 * Secrets in texts: whatever leaves the camera process for people to read
 * passes here first.  A secret is found as it is and percent-encoded in any
 * style; the user-info of any URL in the text is masked as well.
 */

#ifndef VSW_MASK_H
#define VSW_MASK_H

#include <stddef.h>

#define VSW_MASK_SECRETS_MAX 16


typedef struct {
    char  *secrets[VSW_MASK_SECRETS_MAX]; /* owned */
    size_t count;
} vsw_mask_t;


/*
 * Adds a secret; it is copied.  VSTREAM_ERROR: out of memory or of places.
 * An empty secret is left out.
 */
int vsw_mask_add(vsw_mask_t *mask, const char *secret);

/*
 * Adds what the user-info of `url` gives away: the password, and the pair as
 * it stands in a Basic Authorization header.
 */
int vsw_mask_add_url(vsw_mask_t *mask, const char *url);

/* Masks in place; the text never gets longer. */
void vsw_mask_apply(const vsw_mask_t *mask, char *text);

void vsw_mask_clear(vsw_mask_t *mask);


#endif /* VSW_MASK_H */
