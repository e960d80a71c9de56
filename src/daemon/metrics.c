/*
 * Health and metrics: see metrics.h. Metrics are Prometheus' text form.
 */
#include "metrics.h"

#include "notifier.h"
#include "reply.h"
#include "watch.h"
#include "standing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define READY_MS 2000

static const double bounds_s[METRICS_BUCKET_COUNT] = {0.001, 0.005, 0.025, 0.1, 0.5, 2.5};

bool metrics_init(struct server *server)
{
    /* One more than routes, for what matched none. */
    server->meters = calloc(route_count() + 1, sizeof(*server->meters));
    server->error_counts = calloc(METRICS_ERROR_COUNT, sizeof(*server->error_counts));
    return server->meters && server->error_counts;
}

void metrics_fini(struct server *server)
{
    free(server->meters);
    free(server->error_counts);
}

void metrics_count(struct exchange *exchange, int http_status)
{
    size_t index = exchange->route ? route_index(exchange->route) : route_count();
    struct meter *meter = &exchange->server->meters[index];
    double seconds = timing_end(exchange, http_status);
    int error = http_status - METRICS_ERROR_MIN;
    if (error >= 0 && error < METRICS_ERROR_COUNT)
        exchange->server->error_counts[error]++;
    meter->by_class[http_status >= 100 && http_status < 600 ? http_status / 100 : 0]++;
    if (exchange->stream)
        return; /* how long somebody listened is no latency */
    meter->seconds += seconds;
    for (int i = 0; i < METRICS_BUCKET_COUNT; i++)
        meter->buckets[i] += seconds <= bounds_s[i];
}

/* ------------------------------------------------------------------------- alive, and ready ---- */

static void give_word(struct exchange *exchange, const char *name, const char *events)
{
    struct json_writer json;
    reply_begin(exchange, &json);
    json_begin_object(&json);
    json_member_text(&json, "status", name);
    if (events)
        json_member_text(&json, "events", events);
    exchange_finish(exchange, 200, &json);
}

void read_health(struct exchange *exchange)
{
    give_word(exchange, "alive", NULL);
}

static void take_answer(void *user, const struct dbk_error *error,
                        const struct dbk_master *const *masters, const struct dbk_page *page)
{
    struct exchange *exchange = user;
    (void)masters;
    (void)page;
    if (exchange_is_over(exchange, NULL))
        return;
    if (error)
        exchange_fail(exchange, 503, "%s", dbk_status_text(error->status));
    else
        give_word(exchange, "ready",
                  watch_is_needed(exchange->server) ? "found by looking twice a second" : NULL);
}

/* The database answers, and soon. */
void read_readiness(struct exchange *exchange)
{
    struct dbk_call call = *exchange_call(exchange);
    struct dbk_spec *spec = dbk_spec_new();
    call.timeout_ms = READY_MS;
    if (exchange->server->is_stopping)
        exchange_fail(exchange, 503, "it is about to end");
    else if (!spec || dbk_spec_limit(spec, 1))
        exchange_fail(exchange, 503, "out of memory");
    else
        exchange_submitted(
            exchange, dbk_get_masters(exchange->server->store, spec, &call, take_answer, exchange));
    dbk_spec_free(spec);
}

/* ----------------------------------------------------------------------------------- metrics ---- */

static void put_head(FILE *file, const char *name, const char *kind, const char *help)
{
    fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void put_number(FILE *file, const char *name, const char *kind, const char *help,
                       int64_t number)
{
    put_head(file, name, kind, help);
    fprintf(file, "%s %" PRId64 "\n", name, number);
}

static void put_label(FILE *file, size_t index)
{
    const struct route *route = index < route_count() ? route_at(index) : NULL;
    fprintf(file, "{method=\"%s\",route=\"%s\"", route ? route_method(route) : "",
            route ? route->pattern : "");
}

static void put_requests(FILE *file, const struct server *server)
{
    static const char *const classes[] = {"gone", "1xx", "2xx", "3xx", "4xx", "5xx"};
    put_head(file, "daybook_http_requests_total", "counter", "Requests that were answered.");
    for (size_t i = 0; i <= route_count(); i++)
        for (size_t k = 0; k < sizeof(classes) / sizeof(*classes); k++)
            if (server->meters[i].by_class[k]) {
                fputs("daybook_http_requests_total", file);
                put_label(file, i);
                fprintf(file, ",code=\"%s\"} %" PRIu64 "\n", classes[k],
                        server->meters[i].by_class[k]);
            }
}

static void put_errors(FILE *file, const struct server *server)
{
    put_head(file, "daybook_http_errors_total", "counter", "Answers that were errors.");
    for (int i = 0; i < METRICS_ERROR_COUNT; i++)
        if (server->error_counts[i])
            fprintf(file, "daybook_http_errors_total{code=\"%d\"} %" PRIu64 "\n",
                    METRICS_ERROR_MIN + i, server->error_counts[i]);
}

static uint64_t count_of(const struct meter *meter)
{
    uint64_t count = 0;
    for (size_t i = 0; i < sizeof(meter->by_class) / sizeof(*meter->by_class); i++)
        count += meter->by_class[i];
    return count;
}

static void put_latencies(FILE *file, const struct server *server)
{
    static const char name[] = "daybook_http_request_seconds";
    put_head(file, name, "histogram", "From a request's head to its answer's last byte.");
    for (size_t i = 0; i <= route_count(); i++) {
        const struct meter *meter = &server->meters[i];
        uint64_t count = count_of(meter);
        if (!count || (i < route_count() && route_is_stream(route_at(i))))
            continue;
        for (int k = 0; k < METRICS_BUCKET_COUNT; k++) {
            fprintf(file, "%s_bucket", name);
            put_label(file, i);
            fprintf(file, ",le=\"%g\"} %" PRIu64 "\n", bounds_s[k], meter->buckets[k]);
        }
        fprintf(file, "%s_bucket", name);
        put_label(file, i);
        fprintf(file, ",le=\"+Inf\"} %" PRIu64 "\n%s_sum", count, name);
        put_label(file, i);
        fprintf(file, "} %.3f\n%s_count", meter->seconds, name);
        put_label(file, i);
        fprintf(file, "} %" PRIu64 "\n", count);
    }
}

static void put_store(FILE *file, struct dbk_store *store)
{
    struct dbk_stats stats;
    dbk_get_stats(store, &stats, sizeof(stats));
    put_number(file, "daybook_operations_waiting", "gauge", "Operations not begun.",
               stats.waiting_count);
    put_number(file, "daybook_operations_running", "gauge", "Operations begun.",
               stats.running_count);
    put_number(file, "daybook_reads_total", "counter", "Reads finished.", stats.read_count);
    put_number(file, "daybook_writes_total", "counter", "Writes finished.", stats.write_count);
    put_number(file, "daybook_failures_total", "counter",
               "Operations that ended with an error other than not found.", stats.failed_count);
    put_number(file, "daybook_commits_total", "counter", "Transactions that wrote.",
               stats.commit_count);
    put_number(file, "daybook_retries_total", "counter", "Transactions begun again.",
               stats.retry_count);
    put_number(file, "daybook_checkpoints_total", "counter",
               "Write-ahead logs moved into the database.", stats.checkpoint_count);
    put_head(file, "daybook_lock_wait_seconds_total", "counter",
             "Time spent waiting for other writers.");
    fprintf(file, "daybook_lock_wait_seconds_total %.3f\n", (double)stats.lock_wait_ms / 1000);
}

static int64_t size_of(const char *path, const char *ending)
{
    char *name;
    struct stat status;
    if (asprintf(&name, "%s%s", path, ending) < 0)
        return 0;
    int64_t size = stat(name, &status) ? 0 : status.st_size;
    free(name);
    return size;
}

static void put_files(FILE *file, const struct dbk_info *info)
{
    struct statvfs disk;
    if (!info->path)
        return;
    put_number(file, "daybook_database_bytes", "gauge", "Size of the database's file.",
               size_of(info->path, ""));
    put_number(file, "daybook_wal_bytes", "gauge", "Size of the write-ahead log.",
               size_of(info->path, "-wal"));
    if (!statvfs(info->path, &disk))
        put_number(file, "daybook_disk_free_bytes", "gauge",
                   "What is free on the database's disk for this user.",
                   (int64_t)disk.f_bavail * (int64_t)disk.f_frsize);
}

/* Who is told; nothing when nobody is. */
static void put_deliveries(FILE *file, const struct notifier *notifier)
{
    int64_t waiting = 0;
    if (!notifier)
        return;
    for (size_t i = 0; i < notifier->options->target_count; i++)
        waiting += (int64_t)notifier->queues[i].count;
    put_number(file, "daybook_deliveries_made_total", "counter",
               "Deliveries to those who are told of builders that were made.",
               notifier->courier.made_count);
    put_number(file, "daybook_deliveries_failed_total", "counter",
               "Attempts to deliver that failed.", notifier->courier.failed_count);
    put_number(file, "daybook_deliveries_given_up_total", "counter",
               "Deliveries that are not tried any more.", notifier->courier.given_up_count);
    put_number(file, "daybook_deliveries_waiting", "gauge",
               "Deliveries that are not made yet, those on their way among them.", waiting);
    put_number(file, "daybook_deliveries_stuck", "gauge",
               "1 while the state directory cannot be written, and nothing new is told.",
               notifier->is_stuck);
}

/* ---------------------------------------------------------------------------------- builders ---- */

static void put_builder(FILE *file, const char *name, const char *builder, int64_t number)
{
    if (number == DBK_NONE)
        return;
    fprintf(file, "%s{builder=\"", name);
    for (; *builder; builder++) {
        if (*builder == '\n')
            fputs("\\n", file);
        else
            fprintf(file, *builder == '"' || *builder == '\\' ? "\\%c" : "%c", *builder);
    }
    fprintf(file, "\"} %" PRId64 "\n", number);
}

/* Of a database that does not answer the rest is told all the same. */
static void put_builders(FILE *file, const struct standings *standings)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } gauges[] = {
        {"daybook_builder_last_result",
         "Result of the build that ended last: 0 success, 1 warnings, 2 failure, 3 skipped, "
         "4 exception, 5 retry, 6 cancelled.",
         offsetof(struct standing, results)},
        {"daybook_builder_last_completion_timestamp_seconds", "When the last build ended.",
         offsetof(struct standing, complete_at)},
        {"daybook_builder_last_success_timestamp_seconds",
         "When a build last ended with success, among the builder's newest thousand.",
         offsetof(struct standing, success_at)},
    };
    if (standings->error.status == DBK_OK)
        put_number(file, "daybook_builders", "gauge", "Builders that there are.", standings->total);
    put_number(file, "daybook_builders_read", "gauge",
               "Builders whose builds were looked at for what follows.", (int64_t)standings->count);
    for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++) {
        put_head(file, gauges[i].name, "gauge", gauges[i].help);
        for (size_t k = 0; k < standings->count; k++)
            put_builder(file, gauges[i].name, standings->items[k].name,
                        *(const int64_t *)((const char *)&standings->items[k] + gauges[i].offset));
    }
}

static void put_all(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct dbk_info *info = dbk_get_info(server->store);
    struct json_writer json;
    reply_begin(exchange, &json);
    FILE *file = server->reply.file;
    put_head(file, "daybook_info", "gauge", "What runs.");
    fprintf(file, "daybook_info{version=\"%s\",engine=\"%s\",engine_version=\"%s\"} 1\n",
            dbk_version(), info->engine, info->engine_version);
    put_number(file, "daybook_connections", "gauge", "Connections that are open.",
               server->connection_count);
    put_number(file, "daybook_streams", "gauge", "Streams of events that are open.",
               server->stream_count);
    put_number(file, "daybook_received_bytes", "gauge",
               "Bytes of requests that are not answered yet.", server->held_len);
    put_requests(file, server);
    put_errors(file, server);
    put_latencies(file, server);
    put_store(file, server->store);
    put_files(file, info);
    put_deliveries(file, server->notifier);
    put_builders(file, exchange->standings);
    if (!reply_send_text(exchange, "text/plain; version=0.0.4; charset=utf-8"))
        exchange_fail(exchange, 503, "out of memory");
}

void read_metrics(struct exchange *exchange)
{
    standings_read(exchange, DBK_NONE, put_all);
}
