/* wait.h - for what takes milliseconds, and may never come. */
#ifndef LAUNCHER_NET_WAIT_H
#define LAUNCHER_NET_WAIT_H

#include <time.h>

#define WAIT_TRIES 3000 /* fifteen seconds */

static inline void wait_moment(void)
{
    const struct timespec moment = {.tv_nsec = 5 * 1000 * 1000};
    nanosleep(&moment, NULL);
}

#endif
