/*
 * A bare hand-over: one thread gives another a piece of work by a condition variable and gets it back
 * through an eventfd that it polls. Nothing is done with it; so this is what answering from a thread to
 * an event loop costs by itself.
 */
#include "bench.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct handover {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_given, is_over;
    int event_fd;
};

static void *work(void *argument)
{
    struct handover *handover = argument;
    pthread_mutex_lock(&handover->lock);
    for (;;) {
        while (!handover->is_given && !handover->is_over)
            pthread_cond_wait(&handover->wake, &handover->lock);
        if (handover->is_over)
            break;
        handover->is_given = false;
        pthread_mutex_unlock(&handover->lock);
        eventfd_write(handover->event_fd, 1);
        pthread_mutex_lock(&handover->lock);
    }
    pthread_mutex_unlock(&handover->lock);
    return NULL;
}

static void give(struct handover *handover, bool is_over)
{
    pthread_mutex_lock(&handover->lock);
    handover->is_given = !is_over;
    handover->is_over = is_over;
    pthread_cond_signal(&handover->wake);
    pthread_mutex_unlock(&handover->lock);
}

double handover_measure(int count, enum placement placement)
{
    struct handover handover = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                .wake = PTHREAD_COND_INITIALIZER,
                                .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    struct pollfd fd = {.fd = handover.event_fd, .events = POLLIN};
    pthread_t thread;
    eventfd_t value;
    placement_of_threads(placement);
    if (handover.event_fd < 0 || pthread_create(&thread, NULL, work, &handover))
        bench_fail("no thread for the hand-over");
    placement_of_caller(placement);
    double start = bench_seconds();
    for (int i = 0; i < count; i++) {
        give(&handover, false);
        poll(&fd, 1, -1);
        eventfd_read(handover.event_fd, &value);
    }
    double seconds = bench_seconds() - start;
    give(&handover, true);
    pthread_join(thread, NULL);
    close(handover.event_fd);
    return seconds / count;
}
