/* A cache in front of dynamic_cast, preloaded into vvp: half as long again as fast.
 *
 * Icarus' vvp makes a dynamic_cast for every signal that procedural code reads, and a third of a simulation's time
 * goes into walking class hierarchies that never change. What a cast comes to depends on the subobject's vtable
 * pointer and on the two types alone, so it is remembered by those. Standard C++ ABI: __dynamic_cast is documented
 * in the Itanium ABI, section 2.9.7.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ENTRIES 1024 /* vvp has a few dozen classes; a power of two */

typedef void *cast_function(const void *, const void *, const void *, ptrdiff_t);

void *__dynamic_cast(const void *object, const void *source, const void *target, ptrdiff_t hint);

struct answer {
    const void *vtable, *source, *target;
    ptrdiff_t hint;
    ptrdiff_t offset; /* from the object to the result; PTRDIFF_MIN: the cast fails */
};

/* One cache a thread: no lock, no torn entry. */
static __thread struct answer cache[ENTRIES];

/* Out of line, so that the way past it saves no register. */
static __attribute__((noinline)) void *ask(struct answer *a, const void *object, const void *source,
                                           const void *target, ptrdiff_t hint)
{
    static cast_function *original;
    void *result;

    if (!original) {
        void *symbol = dlsym(RTLD_NEXT, "__dynamic_cast");
        if (!symbol)
            abort();
        *(void **)&original = symbol;
    }
    result = original(object, source, target, hint);
    a->vtable = *(const void *const *)object;
    a->source = source;
    a->target = target;
    a->hint = hint;
    a->offset = result ? (const char *)result - (const char *)object : PTRDIFF_MIN;
    return result;
}

void *__dynamic_cast(const void *object, const void *source, const void *target, ptrdiff_t hint)
{
    const void *vtable = *(const void *const *)object;
    struct answer *a = &cache[((uintptr_t)vtable >> 4 ^ (uintptr_t)target >> 3) % ENTRIES];

    if (a->vtable == vtable && a->target == target && a->source == source && a->hint == hint)
        return a->offset == PTRDIFF_MIN ? NULL : (char *)(uintptr_t)object + a->offset;
    return ask(a, object, source, target, hint);
}
