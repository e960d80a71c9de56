/*
 * Build data in pieces: see data_read.h.
 */
#include "data_read.h"

#include "message.h"
#include "text.h"
#include "waiting.h"

/* Bytes of a piece. A database may have to pass over all that lies before it, so it is not small.
 */
#define PIECE_SIZE (8 << 20)

struct data_reading {
    struct waiting waiting;
    data_sink_fn *sink;
    void *user;
    const char *name;
    int64_t
        id; /* of the first piece's record, and its length: a replaced value may differ in both */
    int64_t length;
    int64_t offset;
    bool is_found;
    bool is_ended;
    int exit_code;
};

static int take_piece(struct data_reading *reading, const struct dbk_build_data *data)
{
    bool is_first = !reading->is_found;
    if (!data && is_first)
        return 0;
    if (!data || (!is_first && (data->id != reading->id || data->length != reading->length))) {
        message_print("the data \"%s\" was replaced while it was read; try again", reading->name);
        return dbk_status_exit_code(DBK_CONFLICT);
    }
    reading->is_found = true;
    reading->id = data->id;
    reading->length = data->length;
    reading->offset += (int64_t)data->value_len;
    /* The value's end is where no bytes are left: old databases may hold a wrong length. */
    reading->is_ended = data->value_len < PIECE_SIZE;
    if (!data->value_len && !is_first)
        return 0;
    return reading->sink(reading->user, text_or_empty(data->value), data->value_len, data->length);
}

static void piece_done(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    struct data_reading *reading = user;
    if (!error)
        reading->exit_code = take_piece(reading, data);
    waiting_note(&reading->waiting, error);
}

int data_read(struct dbk_store *store, int64_t buildid, const char *name, data_sink_fn *sink,
              void *user, bool *out_is_found)
{
    struct data_reading reading = {.sink = sink, .user = user, .name = name};
    waiting_init(&reading.waiting, store);
    do {
        waiting_add(&reading.waiting,
                    dbk_get_build_data_range(store, buildid, name, reading.offset, PIECE_SIZE,
                                             &reading.waiting.call, piece_done, &reading));
        int exit_code = waiting_finish(&reading.waiting);
        if (exit_code)
            return exit_code;
    } while (!reading.exit_code && reading.is_found && !reading.is_ended);
    *out_is_found = reading.is_found;
    return reading.exit_code;
}
