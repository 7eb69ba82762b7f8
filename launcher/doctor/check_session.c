/* check_session.c - what sessions are made of: the sandbox of this machine, the Engine, the image.
 */
#include <string.h>

#include "journal/base/text.h"
#include "launcher/backend.h"
#include "launcher/docker/image.h"
#include "launcher/doctor/checks.h"
#include "launcher/net/carrier.h"
#include "launcher/program.h"

static void check_sandbox_network(struct doctor *d)
{
    struct error err = ERROR_NONE;
    struct carrier carrier = CARRIER_NONE;
    char nft[4096];
    int r = carrier_find(&carrier, &err);
    carrier_close(&carrier);
    if (r < 0)
        doctor_say_error(d, VERDICT_WARN, &err);
    else if (!program_find("nft", nft, sizeof nft))
        doctor_say_fix(d, VERDICT_WARN, "as root: apt-get install nftables",
                       "nft is not there: a sandbox has no network");
    else
        doctor_say(d, VERDICT_OK, "a sandbox can have a network, by %s", carrier.name);
}

void check_sandbox(struct doctor *d)
{
    struct error err = ERROR_NONE;
    if (backend_sandbox.check(&d->config, &err) < 0) {
        doctor_say_error(d, VERDICT_FAIL, &err);
        return;
    }
    doctor_say(d, VERDICT_OK, "commands can run in the sandbox");
    check_sandbox_network(d);
}

/* Not everybody wants containers: without an Engine nothing is wrong. */
void check_engine(struct doctor *d)
{
    struct error err = ERROR_NONE;
    const char *host = d->host                   ? d->host
                       : (d->has & NEEDS_CONFIG) ? d->config.container.host
                                                 : NULL;
    CLEANUP(strbuf_release) struct strbuf version = STRBUF_EMPTY;
    if (engine_open(host, &d->engine, &err) < 0) {
        doctor_say_error(d, d->host ? VERDICT_FAIL : VERDICT_WARN, &err);
        return;
    }
    d->has |= NEEDS_ENGINE;
    text_escape(&version, d->engine.version, strlen(d->engine.version));
    doctor_say(d, VERDICT_OK, "Docker Engine %s answers, API %s%s", strbuf_text(&version),
               d->engine.api, d->engine.rootless ? ", rootless" : "");
}

void check_image(struct doctor *d)
{
    struct error err = ERROR_NONE;
    struct image_state image;
    if (image_look(&d->engine, &image, &err) < 0)
        doctor_say_error(d, VERDICT_WARN, &err);
    else if (!image.current)
        doctor_say(d, VERDICT_WARN, "the image was made by ccfs %s, this is " CCFS_VERSION,
                   image.version);
    else
        doctor_say(d, VERDICT_OK, "the image " DOCKER_IMAGE ":" DOCKER_IMAGE_TAG " is this ccfs's");
}
