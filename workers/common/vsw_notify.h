/*
 * What systemd wants to hear from a service of Type=notify (sd_notify(3)).
 * Without NOTIFY_SOCKET in the environment every call does nothing.
 */

#ifndef VSW_NOTIFY_H
#define VSW_NOTIFY_H

#include <stdint.h>


/* `state` is one or more assignments, "READY=1\nSTATUS=..."  */
void vsw_notify(const char *state);

/* RELOADING=1 with the time stamp that Type=notify-reload asks for. */
void vsw_notify_reloading(void);

/*
 * How often WATCHDOG=1 is due, in ms: half of what systemd allows.  0: it
 * does not watch us.
 */
int64_t vsw_notify_watchdog_ms(void);


#endif /* VSW_NOTIFY_H */
