#include "base/json.h"
#include "ops/probe.h"

void probe_text (const probe_report_t *report, buf_t *out)
{
    static const char *const marks [] = { "ok   ", "note ", "WRONG" };
    for (size_t i = 0; i < report->n; i++) {
        const probe_finding_t *finding = &report->finding [i];
        buf_printf (out, "%s  %-18s %s\n", marks [finding->verdict], finding->what, finding->text);
    }
    buf_printf (out, "%u call%s were made\n", report->calls, report->calls == 1 ? "" : "s");
}

void probe_json (const probe_report_t *report, buf_t *out)
{
    static const char *const names [] = { "good", "note", "wrong" };
    buf_printf (out, "{\"fit\":%s,\"calls\":%u,\"tie_margin\":", report->wrong ? "false" : "true", report->calls);
    if (report->tie_margin >= 0)
        buf_printf (out, "%.6f", report->tie_margin);
    else
        buf_add_str (out, "null");
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
    for (size_t i = 0; i < report->n; i++)
        if (report->finding [i].verdict == PROBE_WRONG)
            return fault_set (fault, ERR_USAGE, "the judge at %s can't work: %s: %s", url, report->finding [i].what, report->finding [i].text);
    return OK;
}
