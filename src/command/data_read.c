/*
 * Build data in pieces: see data_read.h.
 */
#include "data_read.h"

#include "waiting.h"

struct data_reading {
    struct waiting waiting;
    struct dbk_op op;
    data_sink_fn *sink;
    void *user;
    bool is_begun; /* sink has run */
    bool is_found;
    int exit_code; /* of the sink */
};

static bool take_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    struct data_reading *reading = user;
    (void)offset;
    reading->is_begun = true;
    reading->exit_code =
        reading->sink(reading->user, piece->value, piece->value_len, piece->length);
    if (reading->exit_code)
        archive_cancel(&reading->waiting.archive, reading->op);
    return true;
}

static void reading_done(void *user, const struct dbk_error *error,
                         const struct dbk_build_data *data)
{
    struct data_reading *reading = user;
    reading->is_found = data != NULL;
    if (data && !reading->is_begun) /* it is empty */
        reading->exit_code = reading->sink(reading->user, "", 0, data->length);
    waiting_note(&reading->waiting, reading->exit_code ? NULL : error);
}

int data_read(struct archive *archive, int64_t buildid, const char *name, data_sink_fn *sink,
              void *user, bool *out_is_found)
{
    struct data_reading reading = {.sink = sink, .user = user};
    waiting_init(&reading.waiting, archive);
    reading.waiting.call.out_op = &reading.op;
    reading.waiting.call.timeout_ms = 0; /* whoever reads from us may take his time */
    waiting_add(&reading.waiting,
                archive_read_build_data(archive, buildid, name, &reading.waiting.call, take_piece,
                                        reading_done, &reading));
    int exit_code = waiting_finish(&reading.waiting);
    *out_is_found = reading.is_found;
    return reading.exit_code ? reading.exit_code : exit_code;
}
