#include "ops/cmd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/endpoint.h"
#include "proto/keys.h"

static status_t generate (const char *dir, const char *name, fault_t *fault)
{
    if (mkdir (dir, 0700) != 0 && errno != EEXIST)
        return fault_set (fault, ERR_IO, "%s: %s", dir, strerror (errno));
    curve_keys_t keys;
    status_t status = keys_generate (dir, name, &keys, fault);
    if (status != OK)
        return status;
    buf_t text = { 0 };
    buf_printf (&text, "%s/%s.pub  public, for the other side: %s\n%s/%s.key  secret, stays on this machine\n",
                dir, name, keys.public_key, dir, name);
    explicit_bzero (&keys, sizeof keys);
    status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

static status_t keygen (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    size_t count;
    const char *const *operands = cli_operands (cli, &count);
    endpoint_setup ();
    status_t status = generate (operands [0], operands [1], fault);
    endpoint_teardown ();
    return status;
}

const command_t command_keygen = {
    .cli = {
        .name = "keygen",
        .summary = "make a pair of keys for a coordinator or a worker",
        .operands = "DIR NAME", .operands_min = 2, .operands_max = 2,
        .about = "Writes DIR/NAME.pub and DIR/NAME.key. The coordinator's .pub goes to the workers, the workers' .pub into\n"
                 "the folder that the coordinator admits. An existing pair is never overwritten.",
        .example = "rulemill keygen keys worker1",
        .groups = { NULL }
    },
    .run = keygen
};
