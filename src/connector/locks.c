/*
 * Locks of rows, where others write at the same time. Whoever gives the next number, or reads something in order to
 * write it, has the row of its ordering key: it does not keep others from referring to it.
 */
#include "connector/submit.h"

const struct dbki_statement dbki_lock_builder = {
    .sql = "SELECT id FROM builders WHERE id = ? FOR NO KEY UPDATE"};
const struct dbki_statement dbki_lock_builder_name = {
    .sql = "SELECT id FROM builders WHERE name_hash = ? FOR NO KEY UPDATE"};
const struct dbki_statement dbki_lock_build = {
    .sql = "SELECT id FROM builds WHERE id = ? FOR NO KEY UPDATE"};
const struct dbki_statement dbki_lock_step = {
    .sql = "SELECT id FROM steps WHERE id = ? FOR NO KEY UPDATE"};
