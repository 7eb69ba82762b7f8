/* The configuration: any text is understood wholly or refused. */
#include "journal/base/compiler.h"
#include "launcher/config.h"
#include "tests/fuzz/fuzz.h"

const unsigned long fuzz_runs = 50000;

static const char *const texts[] = {
    "{}",
    "{\"zones\":{\"imports\":\"ro\",\"exports\":{\"mode\":\"wo\",\"list\":false}}}",
    "{\"zones\":{\"a/b\":{\"mode\":\"rw\",\"setid\":true},\"c\":\"none\"},\"allow_other\":true}",
    "{\"transport\":\"uring\",\"writes\":\"each\",\"durability\":\"strict\"}",
    "{\"journal\":{\"signing_key\":\"/home/u/key\"},\"sandbox\":{\"memory\":\"8g\","
    "\"processes\":512,\"files\":\"1k\",\"tmp\":\"512m\"}}",
    "{\"network\":{\"mode\":\"allowlist\",\"allow\":[\"example.org\",\"*.example.com\"],\"dns\":["
    "\"9.9.9.9\"]}}",
    "{\"zones\":{\"\\u0000\":\"ro\",\"../x\":\"rw\",\"\\ud800\":\"rw\"}}",
    "[[[[[[[[[[[[[[[[[[[[1e999,-0.0,null,true]]]]]]]]]]]]]]]]]]]]",
};

size_t fuzz_seed(size_t number, uint8_t *out, size_t room)
{
    return fuzz_seed_text(texts, COUNT_OF(texts), number, out, room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct config config = {0};
    struct error err = ERROR_NONE;
    if (config_parse((const char *)data, bytes, "config.json", -1, &config, &err) < 0 &&
        !err.message[0])
        __builtin_trap(); /* a refusal says why */
    config_release(&config);
    return 0;
}
