/* checks.h - the checks, by family; which there are and in which order: cmd_doctor.c. */
#ifndef LAUNCHER_DOCTOR_CHECKS_H
#define LAUNCHER_DOCTOR_CHECKS_H

#include "launcher/doctor/doctor.h"

/* check_fuse.c: what this machine gives a mount */
void check_fuse_device(struct doctor *d);
void check_fuse_library(struct doctor *d);
void check_uring(struct doctor *d);
void check_passthrough(struct doctor *d);

/* check_workspace.c: is there one, and is it as init made it? */
void check_workspace(struct doctor *d); /* opens it */
void check_config(struct doctor *d);    /* reads it */
void check_folders(struct doctor *d);
void check_mount(struct doctor *d);
void check_room(struct doctor *d);

/* check_journal.c: can everything be taken back? */
void check_seals(struct doctor *d);
void check_undo(struct doctor *d);
void check_vault(struct doctor *d);
void check_backup(struct doctor *d);

/* check_secrets.c: what an agent should not read */
void check_secrets(struct doctor *d);

/* check_git.c: who commits, and what would be lost with the workspace */
void check_identity(struct doctor *d);
void check_repositories(struct doctor *d);

/* check_session.c: what sessions are made of */
void check_sandbox(struct doctor *d);
void check_engine(struct doctor *d); /* connects */
void check_image(struct doctor *d);

/* check_network.c: is the policy of sessions in force? */
void check_policy(struct doctor *d);
void check_domains(struct doctor *d);

#endif
