/* libmariadb, which is loaded when the first connection wants it. */
#ifndef DBKI_MARIADB_CLIENT_H
#define DBKI_MARIADB_CLIENT_H

#include "engine/client.h"

#include <mysql.h>

/* The calls that this engine makes. */
#define DBKI_MARIADB_CALLS(CALL)                                                                   \
    CALL(mariadb_connection)                                                                       \
    CALL(mysql_close)                                                                              \
    CALL(mysql_errno)                                                                              \
    CALL(mysql_error)                                                                              \
    CALL(mysql_fetch_fields)                                                                       \
    CALL(mysql_field_count)                                                                        \
    CALL(mysql_free_result)                                                                        \
    CALL(mysql_get_server_info)                                                                    \
    CALL(mysql_get_server_version)                                                                 \
    CALL(mysql_get_socket)                                                                         \
    CALL(mysql_get_timeout_value_ms)                                                               \
    CALL(mysql_info)                                                                               \
    CALL(mysql_init)                                                                               \
    CALL(mysql_options)                                                                            \
    CALL(mysql_optionsv)                                                                           \
    CALL(mysql_real_connect_cont)                                                                  \
    CALL(mysql_real_connect_start)                                                                 \
    CALL(mysql_real_query_cont)                                                                    \
    CALL(mysql_real_query_start)                                                                   \
    CALL(mysql_server_init)                                                                        \
    CALL(mysql_sqlstate)                                                                           \
    CALL(mysql_ssl_set)                                                                            \
    CALL(mysql_stmt_affected_rows)                                                                 \
    CALL(mysql_stmt_attr_set)                                                                      \
    CALL(mysql_stmt_bind_param)                                                                    \
    CALL(mysql_stmt_bind_result)                                                                   \
    CALL(mysql_stmt_close)                                                                         \
    CALL(mysql_stmt_close_cont)                                                                    \
    CALL(mysql_stmt_close_start)                                                                   \
    CALL(mysql_stmt_errno)                                                                         \
    CALL(mysql_stmt_error)                                                                         \
    CALL(mysql_stmt_execute_cont)                                                                  \
    CALL(mysql_stmt_execute_start)                                                                 \
    CALL(mysql_stmt_fetch)                                                                         \
    CALL(mysql_stmt_fetch_column)                                                                  \
    CALL(mysql_stmt_fetch_cont)                                                                    \
    CALL(mysql_stmt_fetch_start)                                                                   \
    CALL(mysql_stmt_field_count)                                                                   \
    CALL(mysql_stmt_free_result_cont)                                                              \
    CALL(mysql_stmt_free_result_start)                                                             \
    CALL(mysql_stmt_init)                                                                          \
    CALL(mysql_stmt_param_count)                                                                   \
    CALL(mysql_stmt_prepare_cont)                                                                  \
    CALL(mysql_stmt_prepare_start)                                                                 \
    CALL(mysql_stmt_reset_cont)                                                                    \
    CALL(mysql_stmt_reset_start)                                                                   \
    CALL(mysql_stmt_result_metadata)                                                               \
    CALL(mysql_stmt_send_long_data_cont)                                                           \
    CALL(mysql_stmt_send_long_data_start)                                                          \
    CALL(mysql_stmt_sqlstate)                                                                      \
    CALL(mysql_stmt_store_result_cont)                                                             \
    CALL(mysql_stmt_store_result_start)                                                            \
    CALL(mysql_store_result_cont)                                                                  \
    CALL(mysql_store_result_start)                                                                 \
    CALL(mysql_thread_id)

struct dbki_libmariadb {
#define DBKI_CALL(name) __typeof__(name) *call_##name;
    DBKI_MARIADB_CALLS(DBKI_CALL)
#undef DBKI_CALL
};
extern struct dbki_libmariadb dbki_libmariadb;

/* client.c: loads the library, unless that was done. Result: 0 or a status. */
int dbki_libmariadb_load(struct dbk_error *error);

/* From here on the names are these pointers. */
#define mariadb_connection dbki_libmariadb.call_mariadb_connection
#define mysql_close dbki_libmariadb.call_mysql_close
#define mysql_errno dbki_libmariadb.call_mysql_errno
#define mysql_error dbki_libmariadb.call_mysql_error
#define mysql_fetch_fields dbki_libmariadb.call_mysql_fetch_fields
#define mysql_field_count dbki_libmariadb.call_mysql_field_count
#define mysql_free_result dbki_libmariadb.call_mysql_free_result
#define mysql_get_server_info dbki_libmariadb.call_mysql_get_server_info
#define mysql_get_server_version dbki_libmariadb.call_mysql_get_server_version
#define mysql_get_socket dbki_libmariadb.call_mysql_get_socket
#define mysql_get_timeout_value_ms dbki_libmariadb.call_mysql_get_timeout_value_ms
#define mysql_info dbki_libmariadb.call_mysql_info
#define mysql_init dbki_libmariadb.call_mysql_init
#define mysql_options dbki_libmariadb.call_mysql_options
#define mysql_optionsv dbki_libmariadb.call_mysql_optionsv
#define mysql_real_connect_cont dbki_libmariadb.call_mysql_real_connect_cont
#define mysql_real_connect_start dbki_libmariadb.call_mysql_real_connect_start
#define mysql_real_query_cont dbki_libmariadb.call_mysql_real_query_cont
#define mysql_real_query_start dbki_libmariadb.call_mysql_real_query_start
#define mysql_server_init dbki_libmariadb.call_mysql_server_init
#define mysql_sqlstate dbki_libmariadb.call_mysql_sqlstate
#define mysql_ssl_set dbki_libmariadb.call_mysql_ssl_set
#define mysql_stmt_affected_rows dbki_libmariadb.call_mysql_stmt_affected_rows
#define mysql_stmt_attr_set dbki_libmariadb.call_mysql_stmt_attr_set
#define mysql_stmt_bind_param dbki_libmariadb.call_mysql_stmt_bind_param
#define mysql_stmt_bind_result dbki_libmariadb.call_mysql_stmt_bind_result
#define mysql_stmt_close dbki_libmariadb.call_mysql_stmt_close
#define mysql_stmt_close_cont dbki_libmariadb.call_mysql_stmt_close_cont
#define mysql_stmt_close_start dbki_libmariadb.call_mysql_stmt_close_start
#define mysql_stmt_errno dbki_libmariadb.call_mysql_stmt_errno
#define mysql_stmt_error dbki_libmariadb.call_mysql_stmt_error
#define mysql_stmt_execute_cont dbki_libmariadb.call_mysql_stmt_execute_cont
#define mysql_stmt_execute_start dbki_libmariadb.call_mysql_stmt_execute_start
#define mysql_stmt_fetch dbki_libmariadb.call_mysql_stmt_fetch
#define mysql_stmt_fetch_column dbki_libmariadb.call_mysql_stmt_fetch_column
#define mysql_stmt_fetch_cont dbki_libmariadb.call_mysql_stmt_fetch_cont
#define mysql_stmt_fetch_start dbki_libmariadb.call_mysql_stmt_fetch_start
#define mysql_stmt_field_count dbki_libmariadb.call_mysql_stmt_field_count
#define mysql_stmt_free_result_cont dbki_libmariadb.call_mysql_stmt_free_result_cont
#define mysql_stmt_free_result_start dbki_libmariadb.call_mysql_stmt_free_result_start
#define mysql_stmt_init dbki_libmariadb.call_mysql_stmt_init
#define mysql_stmt_param_count dbki_libmariadb.call_mysql_stmt_param_count
#define mysql_stmt_prepare_cont dbki_libmariadb.call_mysql_stmt_prepare_cont
#define mysql_stmt_prepare_start dbki_libmariadb.call_mysql_stmt_prepare_start
#define mysql_stmt_reset_cont dbki_libmariadb.call_mysql_stmt_reset_cont
#define mysql_stmt_reset_start dbki_libmariadb.call_mysql_stmt_reset_start
#define mysql_stmt_result_metadata dbki_libmariadb.call_mysql_stmt_result_metadata
#define mysql_stmt_send_long_data_cont dbki_libmariadb.call_mysql_stmt_send_long_data_cont
#define mysql_stmt_send_long_data_start dbki_libmariadb.call_mysql_stmt_send_long_data_start
#define mysql_stmt_sqlstate dbki_libmariadb.call_mysql_stmt_sqlstate
#define mysql_stmt_store_result_cont dbki_libmariadb.call_mysql_stmt_store_result_cont
#define mysql_stmt_store_result_start dbki_libmariadb.call_mysql_stmt_store_result_start
#define mysql_store_result_cont dbki_libmariadb.call_mysql_store_result_cont
#define mysql_store_result_start dbki_libmariadb.call_mysql_store_result_start
#define mysql_thread_id dbki_libmariadb.call_mysql_thread_id

#endif
