/*
 * What long work finds, printed as it comes: see findings.h.
 */
#include "findings.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Findings of one kind in a row that are printed; of the rest, their number. */
#define PRINTED_MAX 10

static void print_json(struct json_writer *json, const struct dbk_report *report)
{
    json_begin_object(json);
    json_member_text(json, "problem", report->problem);
    json_member_text(json, "subject", report->subject);
    json_member_number(json, "id", report->id);
    json_member_text(json, "text", report->text);
    json_end_object(json);
}

void findings_end_kind(struct findings *findings)
{
    if (findings->kind_count > PRINTED_MAX && !findings->prints_all)
        printf("%s: %" PRId64 " more (--all prints them)\n", findings->kind,
               findings->kind_count - PRINTED_MAX);
    findings->kind_count = 0;
}

static void print_finding(struct findings *findings, const struct dbk_report *report)
{
    char kind[sizeof findings->kind];
    snprintf(kind, sizeof(kind), "%s %s", report->problem, report->subject);
    if (strcmp(kind, findings->kind) != 0) {
        findings_end_kind(findings);
        memcpy(findings->kind, kind, sizeof(kind));
    }
    if (++findings->kind_count > PRINTED_MAX && !findings->prints_all)
        return;
    text_print(stdout, kind);
    if (report->id != DBK_NONE)
        printf(" %" PRId64, report->id);
    fputs(": ", stdout);
    text_print(stdout, report->text);
    putchar('\n');
}

void findings_take(void *user, const struct dbk_report *report)
{
    struct findings *findings = user;
    if (report->kind == DBK_REPORT_PROGRESS) {
        progress_show(report);
        return;
    }
    progress_clear();
    findings->count++;
    if (findings->arguments->is_json)
        print_json(&findings->json, report);
    else
        print_finding(findings, report);
}

void findings_begin(struct findings *findings, struct dbk_store *store)
{
    long_work_init(&findings->waiting, store);
    json_init(&findings->json, stdout);
    if (findings->arguments->is_json)
        json_begin_lines(&findings->json);
}

int findings_finish(struct findings *findings)
{
    int exit_code = long_work_finish(&findings->waiting);
    if (findings->arguments->is_json) {
        json_end_array(&findings->json);
        json_finish(&findings->json);
    } else {
        findings_end_kind(findings);
        if (!exit_code && !findings->count)
            puts("nothing was found");
        else if (!exit_code)
            printf("%" PRId64 " found\n", findings->count);
    }
    return exit_code || !findings->count ? exit_code : EXIT_NO;
}
