// The part of OpenMP's runtime that oneDNN needs, on our own pool (base/parallel.h). oneDNN built
// with OpenMP brings libgomp, whose threads wait in one of two bad ways, to be chosen once for the
// process: turning for milliseconds, which makes everything slow many times as soon as anything
// else runs, or going to sleep between two layers, which costs a third of the speed.
#ifndef TFTRT_BACKEND_CPU_OPENMP_H
#define TFTRT_BACKEND_CPU_OPENMP_H

// Lets a library that dlopen gave `handle` of compute on our pool: what it imports of OpenMP's
// runtime is bound to our functions, for this library alone. A library that imports none of it is
// left as it is. Returns NULL, or, nothing changed, the name of a function that is not ours to
// give.
const char *openmp_bind(void *handle);

#endif
