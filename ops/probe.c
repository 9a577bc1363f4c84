#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ops/probe_parts.h"
#include "worker/answer_text.h"
#include "worker/chat_setup.h"
#include "worker/secret.h"

enum { LOADING_PAUSE_MS = 500 };

// --- findings --------------------------------------------------------------

static void add_finding (probe_t *probe, const char *what, probe_verdict_t verdict, const char *format, va_list args)
{
    probe_report_t *report = probe->report;
    if (report->n == PROBE_FINDINGS_MAX)
        return;
    probe_finding_t *finding = &report->finding [report->n++];
    finding->what = what;
    finding->verdict = verdict;
    char text [PROBE_TEXT_BYTES];
    vsnprintf (text, sizeof text, format, args);
    plain_text (text, strlen (text), finding->text, sizeof finding->text);      // cut off, it may end within a character
}

void probe_find (probe_t *probe, const char *what, probe_verdict_t verdict, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    add_finding (probe, what, verdict, format, args);
    va_end (args);
    if (verdict == PROBE_WRONG)
        probe->report->state = PROBE_UNFIT;
}

void probe_find_away (probe_t *probe, const char *what, probe_state_t state, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    add_finding (probe, what, PROBE_WRONG, format, args);
    va_end (args);
    probe->report->state = state;
}

void probe_mend (probe_t *probe, const char *key, const char *format, ...)
{
    probe_report_t *report = probe->report;
    if (report->n_mends == PROBE_MENDS_MAX)
        return;
    probe_mend_t *mend = &report->mend [report->n_mends++];
    mend->key = key;
    va_list args;
    va_start (args, format);
    vsnprintf (mend->value, sizeof mend->value, format, args);
    va_end (args);
}

void probe_error_text (probe_t *probe, char text [256])
{
    bool context;
    answer_error (probe->doc, probe->reply.body.data, probe->reply.body.len, text, 256, &context);
}

bool probe_wait (probe_t *probe, unsigned *waited_ms)
{
    const probe_options_t *options = probe->options;
    if (*waited_ms >= options->loading_ms || (options->stop && atomic_load (options->stop)))
        return false;
    if (*waited_ms == 0)
        log_info ("the server at %s is not ready (503): it may be loading its model; waiting up to %u s", probe->url, options->loading_ms / 1000);
    usleep (LOADING_PAUSE_MS * 1000);
    *waited_ms += LOADING_PAUSE_MS;
    return true;
}

// --- the order of things ---------------------------------------------------

static status_t prepare (probe_t *probe, fault_t *fault)
{
    status_t status = fault_of_setting (judge_setup_fill (probe->config, &probe->setup, fault), fault);
    probe->filled = true;
    if (status != OK)
        return status;
    const Rulemill__JudgeSetup *m = &probe->setup.message;
    probe->settings = chat_setup_settings (m);
    if (m->n_omit < PROBE_OMIT_MAX) {       // room to add to it
        for (size_t i = 0; i < m->n_omit; i++)
            probe->omit [i] = m->omit [i];
        probe->settings.omit = probe->omit;
    }
    return chat_template_parse ("the judge's prompt", m->template_, strlen (m->template_), &probe->template, fault);
}

static status_t copy_config (const config_t *config, config_t **out, fault_t *fault)
{
    buf_t text = { 0 };
    config_print (config, &text);
    *out = config_new ();
    status_t status = config_load (*out, "configuration", text.data, text.len, fault);
    buf_free (&text);
    return status;
}

static status_t begin (probe_t *probe, const config_t *config, fault_t *fault)
{
    size_t len = strlen (probe->url);
    while (len > 0 && probe->url [len - 1] == '/')
        len--;
    probe->base = mem_string_n (probe->url, len);
    status_t status = copy_config (config, &probe->config, fault);
    if (status == OK)
        status = fault_of_setting (secret_read_judge (config->judge.key_file, config->judge.key_command, &probe->secret, fault), fault);
    const http_options_t options = { .ca_file = config->judge.ca_file };
    if (status == OK)
        status = http_new (&options, &probe->http, fault);
    return options.ca_file ? fault_of_setting (status, fault) : status;
}

static void end (probe_t *probe)
{
    http_destroy (&probe->http);
    json_doc_destroy (&probe->doc);
    chat_template_destroy (&probe->template);
    if (probe->filled)
        judge_setup_clear (&probe->setup);
    config_destroy (&probe->config);
    secret_free (&probe->secret);
    buf_free (&probe->reply.body);
    free (probe->base);
}

static status_t look (probe_t *probe, fault_t *fault)
{
    status_t status = OK;
    if (!probe_reach (probe, fault, &status) || probe->options->depth == PROBE_REACH)
        return status;
    status = prepare (probe, fault);
    if (status != OK)
        return status;
    probe_ask_first (probe);
    if (!probe_answered (probe)) {
        probe_find_no_answer (probe);
        return OK;
    }
    probe_judge_answer (probe);
    probe->report->asked = probe->answer.kind == ANSWER_CELL;
    if (probe->options->depth == PROBE_FULL) {
        probe_find_context (probe);
        if (probe->report->asked)
            probe_find_noise (probe);
    }
    return OK;
}

status_t probe_run (const config_t *config, const char *url, const probe_options_t *options, probe_report_t *out, fault_t *fault)
{
    *out = (probe_report_t) { .tie_margin = -1 };
    probe_t probe = { .options = options, .url = url, .report = out, .doc = json_doc_new () };
    status_t status = begin (&probe, config, fault);
    if (status == OK)
        status = look (&probe, fault);
    if (probe.answered > 0)
        out->call_s = probe.seconds / probe.answered;
    end (&probe);
    return status;
}
