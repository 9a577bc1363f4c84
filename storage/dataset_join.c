#include "storage/dataset_join.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/ingest_options.h"
#include "storage/input_names.h"
#include "storage/run.h"

typedef struct {
    dataset_source_t source;
    Rulemill__CorpusState *corpus;
    corpus_part_t part;
} member_t;

static status_t load (member_t *member, fault_t *fault)
{
    const char *dir = member->source.dir;
    status_t status = record_get_corpus (member->source.store, &member->corpus, fault);
    if (status != OK)
        return status;
    member->part = corpus_part_of (member->corpus);
    if (member->part.of == 0)
        return fault_set (fault, ERR_USAGE, "%s is no part of a corpus (label --part i/N makes one); export it alone", dir);
    if (!member->corpus->complete)
        return fault_set (fault, ERR_MISMATCH, "%s has not read its corpus to the end; go on with: rulemill label --out %s", dir, dir);
    return OK;
}

static int by_part (const void *a, const void *b)
{
    const member_t *x = a, *y = b;
    return (x->part.number > y->part.number) - (x->part.number < y->part.number);
}

// Sorted: are they 1, 2, ... of the same number?
static status_t check_numbers (const member_t *members, size_t n, fault_t *fault)
{
    uint32_t of = members->part.of, wanted = 1;
    for (size_t m = 1; m < n; m++)
        if (members [m].part.of != of)
            return fault_set (fault, ERR_USAGE, "%s is a part of %" PRIu32 ", %s a part of %" PRIu32 "; give the parts of one cut", members->source.dir, of,
                              members [m].source.dir, members [m].part.of);
    for (size_t m = 0; m < n; m++, wanted++)
        if (m > 0 && members [m].part.number == members [m - 1].part.number)
            return fault_set (fault, ERR_USAGE, "%s and %s are both part %" PRIu32 " of %" PRIu32 "; leave one out", members [m - 1].source.dir,
                              members [m].source.dir, members [m].part.number, of);
        else if (members [m].part.number != wanted)
            break;
    if (wanted <= of)
        return fault_set (fault, ERR_USAGE, "part %" PRIu32 " of %" PRIu32 " is missing; give the folders of all parts", wanted, of);
    return OK;
}

// How its rows were read, whichever part they are of.
static status_t reading_of (const member_t *member, buf_t *out, fault_t *fault)
{
    ingest_options_t options = { 0 };
    buf_t kept = { 0 };
    status_t status = ingest_options_read (member->corpus->options, &options, &kept, fault);
    options.part.number = 1;
    if (status == OK)
        ingest_options_describe (&options, out);
    buf_free (&kept);
    return status;
}

static status_t compare_reading (const member_t *first, const member_t *other, fault_t *fault)
{
    buf_t a = { 0 }, b = { 0 }, difference = { 0 };
    status_t status = reading_of (first, &a, fault);
    if (status == OK)
        status = reading_of (other, &b, fault);
    if (status == OK)
        ingest_options_difference (a.data, first->source.dir, b.data, other->source.dir, &difference);
    if (difference.len > 0)
        status = fault_set (fault, ERR_MISMATCH, "the parts were not read alike: %s; read one of them again, into another folder", difference.data);
    buf_free (&a);
    buf_free (&b);
    buf_free (&difference);
    return status;
}

static bool same_input (const Rulemill__InputFile *a, const Rulemill__InputFile *b)
{
    char *x = input_name (a->path), *y = input_name (b->path);
    bool same = strcmp (x, y) == 0 && a->sha256.len == DIGEST_BYTES && b->sha256.len == DIGEST_BYTES
             && memcmp (a->sha256.data, b->sha256.data, DIGEST_BYTES) == 0;
    free (x);
    free (y);
    return same;
}

static status_t compare_inputs (const member_t *first, const member_t *other, fault_t *fault)
{
    const Rulemill__CorpusState *a = first->corpus, *b = other->corpus;
    const char *advice = "all parts read the same files; label the one that lacks something again, with all of them";
    for (size_t i = 0; i < a->n_inputs && i < b->n_inputs; i++)
        if (!same_input (a->inputs [i], b->inputs [i]))
            return fault_set (fault, ERR_MISMATCH, "input %zu of %s is %s (%" PRIu64 " rows), of %s it is %s (%" PRIu64 " rows), and they are not the same; %s",
                              i + 1, first->source.dir, a->inputs [i]->path, a->inputs [i]->rows, other->source.dir, b->inputs [i]->path,
                              b->inputs [i]->rows, advice);
    if (a->n_inputs != b->n_inputs)
        return fault_set (fault, ERR_MISMATCH, "%s has read %zu files, %s %zu; %s", first->source.dir, a->n_inputs, other->source.dir, b->n_inputs, advice);
    return OK;
}

static status_t compare_runs (const member_t *first, const member_t *other, fault_t *fault)
{
    const Rulemill__RunRecord *a = first->source.run, *b = other->source.run;
    if (a->digest.len == b->digest.len && memcmp (a->digest.data, b->digest.data, a->digest.len) == 0)
        return OK;
    buf_t lines = { 0 }, shown = { 0 };
    char *in_a = mem_printf ("in %s", first->source.dir), *in_b = mem_printf ("in %s", other->source.dir);
    run_difference (a->spec, in_a, b->spec, in_b, &lines);
    for (size_t i = 0; i + 1 < lines.len; i++)
        if (lines.data [i] == '\n')
            buf_add_str (&shown, "; ");
        else
            buf_add_char (&shown, lines.data [i]);
    status_t status = fault_set (fault, ERR_MISMATCH, "the runs of %s and %s are not the same: %s -- name another with --run, or label one part again as the others",
                                 first->source.dir, other->source.dir, shown.data ? shown.data : "");
    free (in_a);
    free (in_b);
    buf_free (&lines);
    buf_free (&shown);
    return status;
}

// Pairs of prompts that the run sets aside are counted nowhere, so of such a run the counts say nothing.
static status_t check_labelled (const member_t *member, fault_t *fault)
{
    const char *dir = member->source.dir;
    Rulemill__RunCounts *counts = NULL;
    status_t status = member->source.run->excluded_prompts > 0 ? OK : record_get_counts (member->source.store, member->source.run->number, &counts, fault);
    if (counts && counts->labelled + counts->quarantined < member->corpus->pairs)
        status = fault_set (fault, ERR_MISMATCH, "%s is not finished: %" PRIu64 " of %" PRIu64 " pairs are labelled; go on with rulemill label --out %s, or take what "
                            "there is (--partial)", dir, counts->labelled + counts->quarantined, member->corpus->pairs, dir);
    if (counts)
        rulemill__run_counts__free_unpacked (counts, NULL);
    return status;
}

static status_t check (member_t *members, size_t n, bool all_labelled, fault_t *fault)
{
    status_t status = OK;
    for (size_t m = 0; m < n && status == OK; m++)
        status = load (&members [m], fault);
    if (status != OK)
        return status;
    qsort (members, n, sizeof *members, by_part);
    status = check_numbers (members, n, fault);
    for (size_t m = 1; m < n && status == OK; m++) {
        status = compare_reading (members, &members [m], fault);
        if (status == OK)
            status = compare_inputs (members, &members [m], fault);
        if (status == OK)
            status = compare_runs (members, &members [m], fault);
    }
    for (size_t m = 0; m < n && status == OK && all_labelled; m++)
        status = check_labelled (&members [m], fault);
    return status;
}

status_t dataset_join_check (dataset_source_t *parts, size_t n, bool all_labelled, fault_t *fault)
{
    member_t *members = mem_zero (n, sizeof *members);
    for (size_t m = 0; m < n; m++)
        members [m].source = parts [m];
    status_t status = check (members, n, all_labelled, fault);
    for (size_t m = 0; m < n; m++) {
        parts [m] = members [m].source;
        if (members [m].corpus)
            rulemill__corpus_state__free_unpacked (members [m].corpus, NULL);
    }
    free (members);
    return status;
}
