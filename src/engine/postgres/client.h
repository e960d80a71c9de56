/* libpq, which is loaded when the first connection wants it. */
#ifndef DBKI_POSTGRES_CLIENT_H
#define DBKI_POSTGRES_CLIENT_H

#include "engine/client.h"

#include <libpq-fe.h>

/* The calls that this engine makes. */
#define DBKI_POSTGRES_CALLS(CALL)                                                                  \
    CALL(PQclear)                                                                                  \
    CALL(PQcmdStatus)                                                                              \
    CALL(PQcmdTuples)                                                                              \
    CALL(PQconndefaults)                                                                           \
    CALL(PQconnectPoll)                                                                            \
    CALL(PQconnectStartParams)                                                                     \
    CALL(PQconninfoFree)                                                                           \
    CALL(PQconninfoParse)                                                                          \
    CALL(PQconsumeInput)                                                                           \
    CALL(PQenterPipelineMode)                                                                      \
    CALL(PQerrorMessage)                                                                           \
    CALL(PQexitPipelineMode)                                                                       \
    CALL(PQfinish)                                                                                 \
    CALL(PQflush)                                                                                  \
    CALL(PQfname)                                                                                  \
    CALL(PQfreemem)                                                                                \
    CALL(PQftype)                                                                                  \
    CALL(PQgetResult)                                                                              \
    CALL(PQgetisnull)                                                                              \
    CALL(PQgetlength)                                                                              \
    CALL(PQgetvalue)                                                                               \
    CALL(PQisBusy)                                                                                 \
    CALL(PQnfields)                                                                                \
    CALL(PQnotifies)                                                                               \
    CALL(PQntuples)                                                                                \
    CALL(PQpipelineSync)                                                                           \
    CALL(PQputCopyData)                                                                            \
    CALL(PQputCopyEnd)                                                                             \
    CALL(PQresultErrorField)                                                                       \
    CALL(PQresultStatus)                                                                           \
    CALL(PQsendPrepare)                                                                            \
    CALL(PQsendQuery)                                                                              \
    CALL(PQsendQueryParams)                                                                        \
    CALL(PQsendQueryPrepared)                                                                      \
    CALL(PQserverVersion)                                                                          \
    CALL(PQsetErrorVerbosity)                                                                      \
    CALL(PQsetNoticeReceiver)                                                                      \
    CALL(PQsetSingleRowMode)                                                                       \
    CALL(PQsetnonblocking)                                                                         \
    CALL(PQsocket)                                                                                 \
    CALL(PQstatus)

struct dbki_libpq {
#define DBKI_CALL(name) __typeof__(name) *call_##name;
    DBKI_POSTGRES_CALLS(DBKI_CALL)
#undef DBKI_CALL
};
extern struct dbki_libpq dbki_libpq;

/* client.c: loads the library, unless that was done. Result: 0 or a status. */
int dbki_libpq_load(struct dbk_error *error);

/* From here on the names are these pointers. */
#define PQclear dbki_libpq.call_PQclear
#define PQcmdStatus dbki_libpq.call_PQcmdStatus
#define PQcmdTuples dbki_libpq.call_PQcmdTuples
#define PQconndefaults dbki_libpq.call_PQconndefaults
#define PQconnectPoll dbki_libpq.call_PQconnectPoll
#define PQconnectStartParams dbki_libpq.call_PQconnectStartParams
#define PQconninfoFree dbki_libpq.call_PQconninfoFree
#define PQconninfoParse dbki_libpq.call_PQconninfoParse
#define PQconsumeInput dbki_libpq.call_PQconsumeInput
#define PQenterPipelineMode dbki_libpq.call_PQenterPipelineMode
#define PQerrorMessage dbki_libpq.call_PQerrorMessage
#define PQexitPipelineMode dbki_libpq.call_PQexitPipelineMode
#define PQfinish dbki_libpq.call_PQfinish
#define PQflush dbki_libpq.call_PQflush
#define PQfname dbki_libpq.call_PQfname
#define PQfreemem dbki_libpq.call_PQfreemem
#define PQftype dbki_libpq.call_PQftype
#define PQgetResult dbki_libpq.call_PQgetResult
#define PQgetisnull dbki_libpq.call_PQgetisnull
#define PQgetlength dbki_libpq.call_PQgetlength
#define PQgetvalue dbki_libpq.call_PQgetvalue
#define PQisBusy dbki_libpq.call_PQisBusy
#define PQnfields dbki_libpq.call_PQnfields
#define PQnotifies dbki_libpq.call_PQnotifies
#define PQntuples dbki_libpq.call_PQntuples
#define PQpipelineSync dbki_libpq.call_PQpipelineSync
#define PQputCopyData dbki_libpq.call_PQputCopyData
#define PQputCopyEnd dbki_libpq.call_PQputCopyEnd
#define PQresultErrorField dbki_libpq.call_PQresultErrorField
#define PQresultStatus dbki_libpq.call_PQresultStatus
#define PQsendPrepare dbki_libpq.call_PQsendPrepare
#define PQsendQuery dbki_libpq.call_PQsendQuery
#define PQsendQueryParams dbki_libpq.call_PQsendQueryParams
#define PQsendQueryPrepared dbki_libpq.call_PQsendQueryPrepared
#define PQserverVersion dbki_libpq.call_PQserverVersion
#define PQsetErrorVerbosity dbki_libpq.call_PQsetErrorVerbosity
#define PQsetNoticeReceiver dbki_libpq.call_PQsetNoticeReceiver
#define PQsetSingleRowMode dbki_libpq.call_PQsetSingleRowMode
#define PQsetnonblocking dbki_libpq.call_PQsetnonblocking
#define PQsocket dbki_libpq.call_PQsocket
#define PQstatus dbki_libpq.call_PQstatus

#endif
