// Doubly linked lists whose nodes live in what they link.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node {
    struct node *next, *previous;
};

// What is rare stays out of what is frequent, and costs it no saved registers.
#define NOINLINE      __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))

#define CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct node *list)
{
    list->next = list->previous = list;
}

static inline bool list_empty(const struct node *list)
{
    return list->next == list;
}

static inline void list_insert_before(struct node *at, struct node *n)
{
    n->next = at;
    n->previous = at->previous;
    at->previous->next = n;
    at->previous = n;
}

static inline void list_append(struct node *list, struct node *n)
{
    list_insert_before(list, n);
}

static inline void list_prepend(struct node *list, struct node *n)
{
    list_insert_before(list->next, n);
}

// Leaves the node's own links as they were; it must not be removed again.
static inline void list_unlink(struct node *n)
{
    n->next->previous = n->previous;
    n->previous->next = n->next;
}

// Leaves the node linked to itself: removing it again does no harm.
static inline void list_remove(struct node *n)
{
    list_unlink(n);
    list_init(n);
}

static inline uint32_t list_length(const struct node *list)
{
    uint32_t n = 0;
    for (const struct node *at = list->next; at != list; at = at->next)
        n++;
    return n;
}
