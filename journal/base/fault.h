/* fault.h - places where a crash test kills the process: FAULT_POINT("name") between two steps; and
 * where it makes a step fail: TRY(FAULT_ERROR("name")) in front of it.
 *
 * Only in builds with CCFS_FAULTS: CCFS_FAULT=name kills at the first passage, name:N at the Nth.
 * CCFS_PAUSE=name:MS stops there for so long at each passage, so that others come first.
 * CCFS_FAIL=name:ERRNO:N:COUNT fails COUNT passages from the Nth on with that number.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#ifdef CCFS_FAULTS
void fault_point(const char *name);
int fault_error(const char *name); /* 0 or -errno */
#define FAULT_POINT(name) fault_point(name)
#define FAULT_ERROR(name) fault_error(name)
#else
#define FAULT_POINT(name) ((void)0)
#define FAULT_ERROR(name) 0
#endif

#endif
