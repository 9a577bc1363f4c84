#include "ops/cmd.h"

#include <stdio.h>
#include <unistd.h>

#include "ops/progress.h"
#include "ops/standing.h"

enum { WATCH_TERMINAL_S = 1, WATCH_S = 10, ENDING_S = 30 };

static const cli_flag_t flags [] = {
    { "--watch", NULL, "go on showing until the job ends", NULL, false },
    { 0 }
};

static status_t show (const char *dir, const standing_t *standing, bool json, fault_t *fault)
{
    buf_t text = { 0 };
    if (json) {
        standing_json (standing, &text);
        buf_add_char (&text, '\n');
    } else
        standing_text (standing, dir, &text);
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

static status_t show_moving (const standing_t *standing, bool json, bool rewrite, fault_t *fault)
{
    buf_t text = { 0 };
    if (json)
        standing_json (standing, &text);
    else {
        buf_add_str (&text, rewrite ? "\r\033[K" : "");
        progress_line (&standing->at, &text);
    }
    buf_add_str (&text, rewrite && !json ? "" : "\n");
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

// One line again and again while the job runs; then where it ended.
static status_t watch (const char *dir, const char *run, bool json, fault_t *fault)
{
    bool rewrite = isatty (STDOUT_FILENO), moved = false;
    for (int ending_s = 0;;) {
        standing_t standing;
        status_t status = standing_read (dir, run, &standing, fault);
        bool running = standing.running;
        if (status == OK && running)
            status = show_moving (&standing, json, rewrite, fault);
        else if (status == OK) {
            if (moved && rewrite && !json)
                fputs ("\r\033[K", stdout);
            status = show (dir, &standing, json, fault);
        }
        standing_clear (&standing);
        // A job that ends answers no more a moment before it lets go of its store.
        if (status == ERR_BUSY && moved && ending_s++ < ENDING_S) {
            sleep (1);
            continue;
        }
        if (status != OK || !running)
            return status;
        moved = true;
        sleep (rewrite ? WATCH_TERMINAL_S : WATCH_S);
    }
}

static status_t status_command (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    size_t n;
    const char *dir = cli_operands (cli, &n) [0], *run = cli_text (cli, "--run");
    bool json = cli_has (cli, "--json");
    if (cli_has (cli, "--watch"))
        return watch (dir, run, json, fault);
    standing_t standing;
    status_t status = standing_read (dir, run, &standing, fault);
    if (status == OK)
        status = show (dir, &standing, json, fault);
    standing_clear (&standing);
    return status;
}

const command_t command_status = {
    .cli = {
        .name = "status",
        .summary = "where a job stands, running or not",
        .operands = "DIR", .operands_min = 1, .operands_max = 1,
        .example = "rulemill status job --watch",
        .groups = { flags, cmd_run_flag, cmd_json_flag }
    },
    .run = status_command
};
