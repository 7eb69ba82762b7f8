/* state.h - where a workspace's state lies; what is in it: FORMAT.md. */
#ifndef JOURNAL_STATE_H
#define JOURNAL_STATE_H

#define STATE_FOLDER ".ccfs"

#endif
