#include "base/json.h"
#include "ops/probe.h"

static const char *const states [] = { "fit", "away", "loading", "unfit" };

void probe_text (const probe_report_t *report, buf_t *out)
{
    static const char *const marks [] = { "ok   ", "note ", "WRONG" };
    for (size_t i = 0; i < report->n; i++) {
        const probe_finding_t *finding = &report->finding [i];
        buf_printf (out, "%s  %-18s %s\n", marks [finding->verdict], finding->what, finding->text);
    }
    buf_printf (out, "%u call%s made", report->calls, report->calls == 1 ? " was" : "s were");
    if (report->call_s > 0)
        buf_printf (out, ", %.0f ms each", 1000 * report->call_s);
    buf_add_char (out, '\n');
}

static void add_mends (const probe_report_t *report, buf_t *out)
{
    json_write_key (out, "mends");
    buf_add_char (out, '{');
    for (size_t i = 0; i < report->n_mends; i++) {
        if (i > 0)
            buf_add_char (out, ',');
        json_write_cstring (out, report->mend [i].key);
        buf_add_char (out, ':');
        json_write_cstring (out, report->mend [i].value);
    }
    buf_add_char (out, '}');
}

void probe_json (const probe_report_t *report, buf_t *out)
{
    static const char *const names [] = { "good", "note", "wrong" };
    buf_printf (out, "{\"fit\":%s,\"state\":\"%s\",\"calls\":%u,\"call_s\":%.6f,\"deviation\":%.6f,\"cached_share\":%.6f,\"tie_margin\":",
                report->state == PROBE_FIT ? "true" : "false", states [report->state], report->calls, report->call_s, report->deviation,
                report->cached_share);
    if (report->tie_margin >= 0)
        buf_printf (out, "%.6f", report->tie_margin);
    else
        buf_add_str (out, "null");
    add_mends (report, out);
    json_write_key (out, "findings");
    buf_add_char (out, '[');
    for (size_t i = 0; i < report->n; i++) {
        buf_add_str (out, i ? ",{" : "{");
        json_write_key (out, "what");
        json_write_cstring (out, report->finding [i].what);
        json_write_key (out, "verdict");
        json_write_cstring (out, names [report->finding [i].verdict]);
        json_write_key (out, "text");
        json_write_cstring (out, report->finding [i].text);
        buf_add_char (out, '}');
    }
    buf_add_str (out, "]}");
}

status_t probe_verdict (const probe_report_t *report, const char *url, fault_t *fault)
{
    if (report->state == PROBE_FIT)
        return OK;
    buf_t all = { 0 };
    for (size_t i = 0; i < report->n; i++)
        if (report->finding [i].verdict == PROBE_WRONG)
            buf_printf (&all, "%s%s: %s", all.len ? "; " : "", report->finding [i].what, report->finding [i].text);
    status_t status = fault_set (fault, ERR_USAGE, "the judge at %s can't work: %s", url, all.data ? all.data : states [report->state]);
    buf_free (&all);
    return status;
}
