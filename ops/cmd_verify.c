#include "ops/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static const cli_flag_t flags [] = {
    { "--public-key", "PEM", "the Ed25519 public key that the manifest must be signed with", NULL, false },
    { 0 }
};

static bool is_there (const char *folder, const char *name)
{
    char *path = mem_printf ("%s/%s", folder, name);
    bool there = access (path, F_OK) == 0;
    free (path);
    return there;
}

// Opening compares the store with its mark. Beside a running job it is not opened: the job has done that.
static status_t open_store (const char *dir, const char *run, char **folder, buf_t *summary, fault_t *fault)
{
    opened_t opened;
    status_t status = cmd_open (dir, run, true, &opened, fault);
    if (status == OK) {
        digest_t digest;
        char name [20];
        memcpy (digest.b, opened.run->digest.data, DIGEST_BYTES);
        run_name (&digest, name);
        *folder = run ? mem_printf ("%s/%s/dataset", dir, name) : NULL;
        buf_printf (summary, "%s/store: opens, holds all that was promised\n", dir);
    }
    cmd_close (&opened);
    if (status != ERR_BUSY)
        return status;
    buf_printf (summary, "%s/store: not looked at, %s\n", dir, fault->text);
    *folder = run ? mem_printf ("%s/%s/dataset", dir, run) : NULL;
    *fault = (fault_t) { 0 };
    return OK;
}

static status_t check_dataset (const char *folder, const char *key, buf_t *problems, buf_t *summary, fault_t *fault)
{
    if (!is_there (folder, "manifest.json"))
        return fault_set (fault, ERR_NOT_FOUND, "%s holds no dataset (no manifest.json); rulemill export writes one", folder);
    return dataset_verify (folder, key, problems, summary, fault);
}

static void end_line (buf_t *text)
{
    if (text->len > 0 && text->data [text->len - 1] != '\n')
        buf_add_char (text, '\n');
}

static status_t check_all (const cli_t *cli, buf_t *problems, buf_t *summary, fault_t *fault)
{
    size_t n;
    const char *place = cli_operands (cli, &n) [0];
    const char *key = cli_text (cli, "--public-key"), *run = cli_text (cli, "--run");
    if (is_there (place, "manifest.json"))
        return dataset_verify (place, key, problems, summary, fault);
    if (!is_there (place, "store"))
        return fault_set (fault, ERR_USAGE, "%s is neither a job's folder nor a dataset's: it holds no store and no manifest.json", place);
    char *folder = NULL;
    status_t status = open_store (place, run, &folder, summary, fault);
    if (status == OK && folder == NULL)
        folder = mem_printf ("%s/dataset", place);
    if (status == OK)
        status = check_dataset (folder, key, problems, summary, fault);
    free (folder);
    return status;
}

static status_t verify (const cli_t *cli, int *exit_code, fault_t *fault)
{
    buf_t problems = { 0 }, summary = { 0 };
    status_t status = check_all (cli, &problems, &summary, fault);
    if (status == OK) {
        end_line (&summary);
        end_line (&problems);
        if (problems.len > 0) {
            buf_add (&summary, problems.data, problems.len);
            *exit_code = EXIT_FAILED;
        } else
            buf_add_str (&summary, "good\n");
        status = cmd_print (&summary, fault);
    }
    buf_free (&problems);
    buf_free (&summary);
    return status;
}

const command_t command_verify = {
    .cli = {
        .name = "verify",
        .summary = "check a dataset against its manifest, and a job's store against its mark",
        .operands = "DIR|FOLDER", .operands_min = 1, .operands_max = 1,
        .about = "For a job's folder its latest dataset (or that of --run) and its store; for a dataset's folder that alone.\n"
                 "Exit code 1 where something does not agree.",
        .example = "rulemill verify job --public-key signer.pem",
        .groups = { flags, cmd_run_flag }
    },
    .run = verify
};
