// The object table: references die with their object, numbers come back, and nothing is lost of the quota
// SPDX-License-Identifier: MIT
// LINK: kernel/object.c kernel/kmem.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/kernel_pool.h"

enum { LIVE = 300, REFS = 2000, ROUNDS = 100000 };

static struct process payer;
static struct object *live[LIVE];
static struct {
    struct ref ref;
    const struct object *object; // NULL: it died
} refs[REFS];

static void make(struct object **o)
{
    size_t bytes = sizeof **o + (size_t)rand() % 3000;
    enum object_type type = (enum object_type)(1 + rand() % (OBJECT_TYPES - 1));
    uint64_t used = payer.used;
    *o = object_new(type, bytes, &payer);
    assert_non_null(*o);
    assert_int_equal((*o)->type, type);
    assert_ptr_equal((*o)->payer, &payer);
    assert_true((*o)->number > 0 && (*o)->number < OBJECTS_MAX);
    assert_int_equal(payer.used - used, kmem_cost(bytes));
}

// In two steps, as DESTROY does, or in one.
static void end(struct object **o)
{
    if (rand() % 2)
        object_retire(*o);
    for (size_t i = 0; i < REFS; i++)
        if (refs[i].object == *o)
            refs[i].object = NULL;
    object_free(*o);
    *o = NULL;
}

static void references_die_with_their_object(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        struct object **o = &live[rand() % LIVE];
        size_t r = (size_t)rand() % REFS;
        if (!*o) {
            make(o);
        } else if (rand() % 4 == 0) {
            end(o);
        } else {
            refs[r].ref = ref_to(*o);
            refs[r].object = *o;
        }
        r = (size_t)rand() % REFS;
        assert_ptr_equal(ref_get(refs[r].ref), refs[r].object);
    }
    for (size_t i = 0; i < LIVE; i++)
        if (live[i])
            end(&live[i]);
    for (size_t r = 0; r < REFS; r++)
        assert_null(ref_get(refs[r].ref));
    assert_int_equal(payer.used, 0);
    assert_true(list_empty(&payer.objects));
}

// From the moment of DESTROY nobody reaches it, though it is still being taken apart.
static void a_retired_object_is_out_of_reach(void **state)
{
    struct object *o = object_new(OBJECT_ENDPOINT, sizeof *o, &payer);
    struct ref ref = ref_to(o);
    (void)state;
    assert_ptr_equal(ref_get(ref), o);
    object_retire(o);
    assert_null(ref_get(ref));
    assert_true(o->dying);
    object_free(o);
    struct object *next = object_new(OBJECT_ENDPOINT, sizeof *next, &payer);
    assert_int_equal(next->number, ref.number); // used again, and still not the old one
    assert_null(ref_get(ref));
    object_free(next);
}

static void the_empty_reference_names_nothing(void **state)
{
    (void)state;
    assert_null(ref_get((struct ref){0}));
}

static void the_table_ends(void **state)
{
    static struct object *all[OBJECTS_MAX];
    size_t n = 0;
    (void)state;
    while (n < OBJECTS_MAX && (all[n] = object_new(OBJECT_REPLY, sizeof *all[n], &payer)) != NULL)
        n++;
    assert_int_equal(n, OBJECTS_MAX - 1);
    uint64_t used = payer.used;
    assert_null(object_new(OBJECT_REPLY, sizeof *all[0], &payer));
    assert_int_equal(payer.used, used);
    while (n > 0)
        object_free(all[--n]);
    assert_int_equal(payer.used, 0);
}

static int set_up(void **state)
{
    (void)state;
    pool_init(POOL_PAGES - 1);
    objects_init();
    payer_init(&payer, 1u << 30);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_die_with_their_object),
        cmocka_unit_test(a_retired_object_is_out_of_reach),
        cmocka_unit_test(the_empty_reference_names_nothing),
        cmocka_unit_test(the_table_ends),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
