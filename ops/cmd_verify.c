#include "ops/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ops/progress.h"
#include "storage/store_check.h"

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

static status_t read_store (const char *dir, const opened_t *opened, buf_t *summary, fault_t *fault)
{
    store_check_t read;
    status_t status = store_check (opened->store, opened->run, &read, fault);
    if (status != OK)
        return status;
    buf_printf (summary, "%s/store: holds all that was promised; ", dir);
    progress_count (summary, read.records);
    buf_add_str (summary, " records can be read");
    if (opened->run) {
        buf_add_str (summary, ", of them ");
        progress_count (summary, read.pairs);
        buf_add_str (summary, " pairs with ");
        progress_count (summary, read.labels);
        buf_add_str (summary, " labels");
    }
    buf_add_char (summary, '\n');
    return OK;
}

// Opening compares the store with its mark. Beside a running job it is not opened: the job has done that. A store may have no run yet.
static status_t check_store (const char *dir, const char *run, char **folder, buf_t *summary, fault_t *fault)
{
    opened_t opened;
    status_t status = cmd_open (dir, run, true, &opened, fault);
    if (status == ERR_NOT_FOUND && opened.store && run == NULL)
        status = OK;
    if (status == OK && run) {
        digest_t digest;
        char name [20];
        memcpy (digest.b, opened.run->digest.data, DIGEST_BYTES);
        run_name (&digest, name);
        *folder = mem_printf ("%s/%s/dataset", dir, name);
    }
    if (status == OK)
        status = read_store (dir, &opened, summary, fault);
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
    struct stat st;
    status_t status = check_store (place, run, &folder, summary, fault);
    if (status == OK && folder == NULL)
        folder = mem_printf ("%s/dataset", place);
    if (status == OK && key == NULL && lstat (folder, &st) != 0 && errno == ENOENT)
        buf_printf (summary, "%s: there is no dataset yet; rulemill export writes one\n", folder);
    else if (status == OK)
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
        .summary = "check a dataset against its manifest, and read a job's store through",
        .operands = "DIR|FOLDER", .operands_min = 1, .operands_max = 1,
        .about = "For a job's folder its store, against its mark and every record of it, and its latest dataset (or that of --run), if\n"
                 "there is one; for a dataset's folder that alone. Exit code 1 where something does not agree.",
        .example = "rulemill verify job --public-key signer.pem",
        .groups = { flags, cmd_run_flag }
    },
    .run = verify
};
