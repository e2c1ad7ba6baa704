/*
 * The dial policy at work: connect, sendto, sendmsg, sendmmsg and bind are
 * defined in this executable, so that the media libraries' calls come here,
 * whatever redirect, name or server told them to dial.  Until
 * vsw_dial_activate() they only pass on to the kernel: the supervisor is not
 * bound by a camera's policy.
 */

#ifndef VSW_DIAL_H
#define VSW_DIAL_H

#include "vsw_dial_policy.h"

#define VSW_DIAL_TEXT_MAX 80


/* For good.  `policy` must live as long as the process. */
void vsw_dial_activate(const vsw_dial_policy_t *policy);

/* This thread reads a source: what is refused to it is its own affair. */
void vsw_dial_thread_begin(void);

/*
 * true: the calling thread's source waits for its camera, and what it binds
 * must be listed for that.
 */
void vsw_dial_listening_set(bool is_listening);

/*
 * May the calling thread connect there?  For libraries that dial by threads of
 * their own.  -1: refused, as connect() would, and errno is set.
 */
int vsw_dial_check(const struct sockaddr *address, socklen_t length);

/*
 * Has a call been refused since the last connect that passed, to this thread
 * or to one of a library's?  Then `text` names the address of the first.
 */
bool vsw_dial_has_refused(char text[VSW_DIAL_TEXT_MAX]);


#endif /* VSW_DIAL_H */
