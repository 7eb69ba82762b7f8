/* names.h - what people know the things in the Engine by, and the labels that say whose they are.
 */
#ifndef LAUNCHER_DOCKER_NAMES_H
#define LAUNCHER_DOCKER_NAMES_H

#define DOCKER_IMAGE "claude-code-container"
#define DOCKER_IMAGE_TAG "latest"
#define DOCKER_NETWORK "claude-net"
#define DOCKER_BRIDGE "claude0"
#define DOCKER_CONTAINER "claude-code-env" /* the first; further ones -NAME */

/* Everything that ccfs makes carries LABEL_PART; what belongs to a session its other labels too. */
#define LABEL_PART "io.ccfs.part" /* agent, holder, helper, network, image, home */
#define LABEL_VERSION "io.ccfs.version"
#define LABEL_CLAUDE "io.ccfs.claude"
#define LABEL_WORKSPACE "io.ccfs.workspace"
#define LABEL_SESSION "io.ccfs.session" /* the agent's container */
#define LABEL_OWNER "io.ccfs.owner"     /* the workspace owner's uid */

#endif
