/* option.h - the option that every verb about the Engine has. */
#ifndef LAUNCHER_DOCKER_OPTION_H
#define LAUNCHER_DOCKER_OPTION_H

#define DOCKER_HOST_OPTION(out)                                                                    \
    {                                                                                              \
        "docker-host", 'H', OPTION_TEXT, &(out), "SOCKET",                                         \
            "the Engine's socket (else container.host, DOCKER_HOST, the context, the usual "       \
            "places)"                                                                              \
    }

#endif
