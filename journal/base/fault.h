/* fault.h - places where a crash test kills the process: FAULT_POINT("name") between two steps.
 *
 * Only in builds with CCFS_FAULTS: CCFS_FAULT=name kills at the first passage, name:N at the Nth.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#ifdef CCFS_FAULTS
void fault_point(const char *name);
#define FAULT_POINT(name) fault_point(name)
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
